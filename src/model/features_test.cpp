#include "model/features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/tiny_model.h"

namespace weft::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Case {
  Feature feature;
  void (*add)(ModelSpec& spec);
};

const Case kCases[] = {
    {Feature::kLayerNorm, [](ModelSpec& m) { m.norm = NormKind::kLayer; }},
    {Feature::kNormBias, [](ModelSpec& m) { m.layers[1].ffn_norm_bias = m.output_norm; }},
    {Feature::kNoPreNorm, [](ModelSpec& m) { m.layers[1].ffn_norm.reset(); }},
    {Feature::kPostNorm, [](ModelSpec& m) { m.layers[1].ffn_post_norm = m.output_norm; }},
    {Feature::kParallelLayer, [](ModelSpec& m) { m.layers[1].parallel = true; }},
    {Feature::kHeadQkNorm, [](ModelSpec& m) { m.layers[1].attention.qk_norm = QkNorm::kHead; }},
    {Feature::kWholeQkNorm, [](ModelSpec& m) { m.layers[1].attention.qk_norm = QkNorm::kWhole; }},
    {Feature::kAttentionSoftcap, [](ModelSpec& m) { m.layers[1].attention.softcap = 50; }},
    {Feature::kSlidingWindow, [](ModelSpec& m) { m.layers[1].attention.window = 8; }},
    {Feature::kAttentionSinks, [](ModelSpec& m) { m.layers[1].attn_sinks = m.output_norm; }},
    {Feature::kClampedSwiglu,
     [](ModelSpec& m) { m.layers[1].mlp.activation = Activation::kClampedSwiglu; }},
    {Feature::kNoRotation, [](ModelSpec& m) { m.layers[1].attention.rope.dims = 0; }},
    {Feature::kRotationMagnitude, [](ModelSpec& m) { m.layers[1].attention.rope.magnitude = 2; }},
    {Feature::kPositionEmbedding, [](ModelSpec& m) { m.position_embd = m.token_embd; }},
    {Feature::kGelu, [](ModelSpec& m) { m.layers[1].mlp.activation = Activation::kGeluTanh; }},
    {Feature::kUngatedMlp, [](ModelSpec& m) { m.layers[1].mlp.gated = false; }},
    {Feature::kMixture, [](ModelSpec& m) { m.layers[1].mlp.mixture.emplace(); }},
    {Feature::kEmbeddingScale, [](ModelSpec& m) { m.embedding_scale = 2; }},
    {Feature::kResidualScale, [](ModelSpec& m) { m.residual_scale = 2; }},
    {Feature::kLogitScale, [](ModelSpec& m) { m.logit_scale = 2; }},
    {Feature::kLogitSoftcap, [](ModelSpec& m) { m.logit_softcap = 30; }},
    {Feature::kOutputBias, [](ModelSpec& m) { m.output_bias = m.output_norm; }},
    {Feature::kDeltaNet, [](ModelSpec& m) { m.layers[1].delta_net.emplace(); }},
    {Feature::kAttentionGate, [](ModelSpec& m) { m.layers[1].attn_gate = m.layers[1].attn_q; }},
};

TEST(Features, OfThePlainNetworkAreNone) {
  EXPECT_THAT(features(testing::TinyModel({.tied = true, .biases = true}).spec()), IsEmpty());
}

TEST(Features, AreFoundOneByOneAndNamed) {
  const testing::TinyModel tiny;
  for (const Case& c : kCases) {
    SCOPED_TRACE(name(c.feature));
    ModelSpec spec = tiny.spec();
    c.add(spec);
    EXPECT_THAT(features(spec), ElementsAre(c.feature));
    EXPECT_EQ(expect_features(spec, {}, "This backend").error().message(),
              fmt::format("This backend computes no {}, which architecture 'llama' needs.",
                          name(c.feature)));
    EXPECT_TRUE(expect_features(spec, std::array{Feature::kGelu, c.feature}, "This").has_value());
  }
}

}  // namespace
}  // namespace weft::model
