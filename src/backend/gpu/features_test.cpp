// Every feature that the GPU backend has beyond the plain Llama network, alone and by every kind of
// product: the logits are those of the reference model.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "backend/gpu/gpu_backend.h"
#include "backend/gpu/plan.h"
#include "kernels/testing/test_device.h"
#include "testing/backend_runs.h"
#include "testing/family_goldens.h"
#include "testing/tiny_model.h"

namespace weft::backend {
namespace {

using namespace weft::testing;
using model::LayerSpec;
using model::ModelSpec;
using model::Weight;

struct FeatureCase {
  const char* name;
  void (*ask_for)(ModelSpec& spec);
};

void PrintTo(const FeatureCase& feature, std::ostream* out) { *out << feature.name; }

// The first elements of a layer's own norm serve as any other.
Weight norm_of(const LayerSpec& layer, uint32_t cols) {
  Weight norm = *layer.attn_norm;
  norm.cols = cols;
  norm.tensor.dims[0] = cols;
  norm.tensor.data = norm.tensor.data.first(cols * sizeof(float));
  return norm;
}

void for_layers(ModelSpec& spec, void (*change)(LayerSpec& layer)) {
  for (LayerSpec& layer : spec.layers) change(layer);
}

constexpr FeatureCase kCases[] = {
    {"HeadQkNorm",
     [](ModelSpec& spec) {
       for_layers(spec, [](LayerSpec& layer) {
         layer.attention.qk_norm = model::QkNorm::kHead;
         layer.attn_q_norm = norm_of(layer, layer.attention.head_dim);
         layer.attn_k_norm = norm_of(layer, layer.attention.head_dim);
       });
     }},
    {"WholeQkNorm",
     [](ModelSpec& spec) {
       for_layers(spec, [](LayerSpec& layer) {
         layer.attention.qk_norm = model::QkNorm::kWhole;
         layer.attn_q_norm = norm_of(layer, layer.attn_q.rows);
         layer.attn_k_norm = norm_of(layer, layer.attn_k.rows);
       });
     }},
    {"PostNorm",
     [](ModelSpec& spec) {
       for_layers(spec, [](LayerSpec& layer) { layer.attn_post_norm = layer.ffn_norm; });
       spec.layers[1].ffn_post_norm = spec.layers[0].attn_norm;
     }},
    {"NoPreNorm",
     [](ModelSpec& spec) {
       LayerSpec& layer = spec.layers[1];
       layer.attn_post_norm = std::exchange(layer.attn_norm, std::nullopt);
       layer.ffn_post_norm = std::exchange(layer.ffn_norm, std::nullopt);
     }},
    {"LayerNormsWithBiases",
     [](ModelSpec& spec) {
       spec.norm = model::NormKind::kLayer;
       for_layers(spec, [](LayerSpec& layer) {
         layer.attn_norm_bias = layer.ffn_norm;
         layer.ffn_norm_bias = layer.attn_norm;
       });
       spec.output_norm_bias = spec.layers[0].attn_norm;
     }},
    {"ParallelLayers",
     [](ModelSpec& spec) {
       for_layers(spec, [](LayerSpec& layer) { layer.parallel = true; });
       spec.layers[1].ffn_norm.reset();
     }},
    {"UngatedMlp",
     [](ModelSpec& spec) {
       for_layers(spec, [](LayerSpec& layer) {
         layer.mlp.gated = false;
         layer.ffn_gate.reset();
       });
     }},
    {"PositionEmbedding", [](ModelSpec& spec) { spec.position_embd = spec.token_embd; }},
    {"OutputBias",
     [](ModelSpec& spec) {
       spec.output_bias = spec.token_embd;  // its first numbers
       spec.output_bias->rows = 1;
       spec.output_bias->cols = spec.vocab;
       spec.output_bias->tensor.dims = {spec.vocab, 1, 1, 1};
       spec.output_bias->tensor.data =
           spec.token_embd.tensor.data.first(spec.vocab * sizeof(float));
     }},
    {"NoRotation",
     [](ModelSpec& spec) {
       for_layers(spec, [](LayerSpec& layer) {
         layer.attention.rope.dims = 0;
         layer.attention.rope.inv_freq.clear();
       });
       spec.layers[1].attention.rope.pairs = model::RopePairs::kHalf;
     }},
    {"RotationOfHalvesInPart",
     [](ModelSpec& spec) {
       for_layers(spec, [](LayerSpec& layer) {
         layer.attention.rope.pairs = model::RopePairs::kHalf;
         layer.attention.rope.dims = 8;
         layer.attention.rope.inv_freq.resize(4);
       });
     }},
    {"RotationMagnitude",
     [](ModelSpec& spec) {
       for_layers(spec, [](LayerSpec& layer) { layer.attention.rope.magnitude = 1.5; });
     }},
    {"Gelu",
     [](ModelSpec& spec) {
       spec.layers[0].mlp.activation = model::Activation::kGelu;
       spec.layers[1].mlp.activation = model::Activation::kGeluTanh;
     }},
    {"AttentionSoftcap", [](ModelSpec& spec) { spec.layers[1].attention.softcap = 0.25; }},
    {"SlidingWindow",
     [](ModelSpec& spec) {
       spec.layers[0].attention.window = 7;
       spec.layers[1].attention.window = 33;
     }},
    {"ChunkedAttention",
     [](ModelSpec& spec) {
       for (const auto& [layer, window] : {std::pair(0, 7U), std::pair(1, 33U)}) {
         spec.layers[layer].attention.window = window;
         spec.layers[layer].attention.chunked = true;
       }
     }},
    {"AttentionTemperature",
     [](ModelSpec& spec) { spec.layers[1].attention.temperature = {.scale = 0.5, .length = 9}; }},
    {"EmbeddingScale", [](ModelSpec& spec) { spec.embedding_scale = 12; }},
    {"ResidualScale",
     [](ModelSpec& spec) {
       spec.residual_scale = 0.25;
       spec.norm_eps = 0.01F;  // large enough to be seen
     }},
    {"LogitScale", [](ModelSpec& spec) { spec.logit_scale = 0.125; }},
    {"LogitSoftcap", [](ModelSpec& spec) { spec.logit_softcap = 0.5; }},
};

// Which the GPU refuses beside others.
constexpr std::string_view kNotTogether[] = {"NoPreNorm", "LayerNormsWithBiases", "OutputBias"};

class GpuFeaturesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const kernels::TestDevice& opened = kernels::test_device(kernels::Features::kAll);
    if (opened.device == nullptr) GTEST_SKIP() << opened.missing;
  }
};

class GpuFeatures : public GpuFeaturesTest, public ::testing::WithParamInterface<FeatureCase> {};

double error_of(const ModelSpec& spec, const Products& products) {
  Options options = test_options();
  options.max_sequences = 1;
  options.max_rows = 40;
  const auto backend = create_gpu_backend(
      spec, options, kernels::test_device(kernels::Features::kAll).device, {}, products);
  if (!backend) throw std::runtime_error(backend.error().message());
  const auto tokens = some_tokens(61, 8, spec.vocab);
  return relative_error(spec, tokens, all_logits(**backend, tokens, {1, 40, 9, 3}));
}

const TinyModelOptions kShape{.embd = 96, .heads = 6, .ff = 160, .vocab = 332};

TEST_P(GpuFeatures, MatchTheReferenceModel) {
  const TinyModel model(kShape);
  ModelSpec spec = model.spec();
  GetParam().ask_for(spec);
  for (const FewRows few : {FewRows::kPlain, FewRows::kDot}) {
    EXPECT_LE(error_of(spec, {few, ManyRows::kPlain}), 1e-3);
  }
}

TEST_F(GpuFeaturesTest, RefuseScaledResidualsThatNoNormLevels) {
  const TinyModel model(kShape);
  ModelSpec spec = model.spec();
  spec.layers[1].ffn_norm.reset();
  spec.residual_scale = 0.5;
  const auto backend = create_gpu_backend(spec, test_options(),
                                          kernels::test_device(kernels::Features::kAll).device, {});
  ASSERT_FALSE(backend);
  EXPECT_NE(backend.error().message().find("scaled residuals"), std::string::npos);
}

void ask_for_all(ModelSpec& spec) {
  for (const FeatureCase& feature : kCases) {
    if (std::ranges::find(kNotTogether, feature.name) == std::end(kNotTogether)) {
      feature.ask_for(spec);
    }
  }
}

// On matrix units, which take layers with norms before attention and MLP alone, and multiply in
// binary16; their shaders take a CPU's driver long to compile.
TEST_F(GpuFeaturesTest, AllTogetherMatchItOnMatrices) {
  const TinyModel model(kShape);
  ModelSpec spec = model.spec();
  ask_for_all(spec);
  EXPECT_LE(error_of(spec, {FewRows::kPlain, ManyRows::kStandIn}), 5e-3);
}

TEST_F(GpuFeaturesTest, AllTogetherMatchItInDotProducts) {
  TinyModelOptions shape = kShape;
  shape.type = formats::TensorType::kQ8_0;
  const TinyModel model(shape);
  ModelSpec spec = model.spec();
  ask_for_all(spec);
  EXPECT_LE(error_of(spec, {FewRows::kDot, ManyRows::kDot}), 1e-3);
}

TEST_F(GpuFeaturesTest, GatedDeltaNetMatchesItByEveryKindOfProduct) {
  const FamilyModel model("qwen35");
  for (const FewRows few : {FewRows::kPlain, FewRows::kDot}) {
    EXPECT_LE(error_of(model.from_gguf(), {few, ManyRows::kPlain}), 1e-3);
  }
  EXPECT_LE(error_of(model.from_folder(), {FewRows::kPlain, ManyRows::kStandIn}), 5e-3);
}

model::Weight row_of(const model::Weight& matrix, uint32_t row) {
  model::Weight out = matrix;
  const size_t bytes = matrix.tensor.data.size() / matrix.rows;
  out.rows = out.tensor.dims[1] = 1;
  out.tensor.data = matrix.tensor.data.subspan(row * bytes, bytes);
  return out;
}

// As gpt-oss has them, and beside a shared expert with a gate.
TEST_F(GpuFeaturesTest, MixturesWithAllThatThereIsMatchItByEveryKindOfProduct) {
  TinyModelOptions shape = kShape;
  shape.experts = 7;
  shape.experts_used = 3;
  const TinyModel model(shape);
  ModelSpec spec = model.spec();
  for (model::LayerSpec& layer : spec.layers) {
    layer.mlp.ff = layer.mlp.mixture->ff;
    layer.mlp.activation = model::Activation::kClampedSwiglu;
    layer.ffn_gate = layer.experts[1].gate;
    layer.ffn_up = layer.experts[2].up;
    layer.ffn_down = layer.experts[3].down;
    layer.ffn_shared_router = row_of(layer.ffn_router.value(), 2);
    for (model::Expert& expert : layer.experts) {
      expert.gate_bias = row_of(expert.down, 0);
      expert.up_bias = row_of(expert.down, 1);
      expert.down_bias = row_of(expert.gate, 0);
    }
  }
  EXPECT_LE(error_of(spec, {FewRows::kPlain, ManyRows::kPlain}), 1e-3);
  EXPECT_LE(error_of(spec, {FewRows::kDot, ManyRows::kStandIn}), 5e-3);
}

TEST_F(GpuFeaturesTest, MixturesOfExpertsMatchItByEveryKindOfProduct) {
  TinyModelOptions shape = kShape;
  shape.experts = 7;
  shape.experts_used = 3;
  const TinyModel floats(shape);
  ModelSpec weighed = floats.spec();
  weighed.layers[1].mlp.mixture->weighs_inputs = true;
  EXPECT_LE(error_of(weighed, {FewRows::kPlain, ManyRows::kStandIn}), 5e-3);

  shape.type = formats::TensorType::kQ8_0;
  const TinyModel quantized(shape);
  ModelSpec spec = quantized.spec();
  for (model::Expert& expert : spec.layers[1].experts) {  // gate and up of different types
    const auto index = static_cast<size_t>(&expert - spec.layers[1].experts.data());
    expert.up = floats.spec().layers[1].experts[index].up;
  }
  EXPECT_LE(error_of(spec, {FewRows::kPlain, ManyRows::kPlain}), 1e-3);
  EXPECT_LE(error_of(spec, {FewRows::kDot, ManyRows::kDot}), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(All, GpuFeatures, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace weft::backend
