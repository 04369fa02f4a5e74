// What Qwen 3.5's files may say of their layers, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/changed_gguf.h"

namespace weft::testing {
namespace {

using ::testing::HasSubstr;

std::string error_with(std::string_view key, uint32_t value) {
  return error_of_changed("qwen35",
                          [&](model::GgufImage& image) { image.metadata.set(key, value); });
}

TEST(Qwen35, AlteredKeysAreNamed) {
  EXPECT_EQ(error_with("qwen35.full_attention_interval", 4), "no error");
  EXPECT_THAT(error_with("qwen35.full_attention_interval", 2),
              HasSubstr("Tensor 'blk.1.attn_q_norm.weight' is missing"));
  EXPECT_THAT(error_with("qwen35.full_attention_interval", 5),
              HasSubstr("Tensor 'blk.3.attn_qkv.weight' is missing"));
  EXPECT_THAT(error_with("qwen35.full_attention_interval", 0),
              HasSubstr("Key 'qwen35.full_attention_interval' is 0"));
  EXPECT_THAT(
      error_with("qwen35.ssm.state_size", 13),
      HasSubstr("Tensor 'blk.0.attn_qkv.weight' has shape [32, 112], and the header implies "
                "[32, 116]"));
  EXPECT_THAT(error_with("qwen35.ssm.group_count", 3),
              HasSubstr("Key 'qwen35.ssm.time_step_rank' is 8, which the 3 heads of k"));
  EXPECT_THAT(error_with("qwen35.ssm.time_step_rank", 4),
              HasSubstr("Tensor 'blk.0.ssm_beta.weight' has shape [32, 8]"));
  EXPECT_THAT(error_with("qwen35.ssm.inner_size", 65),
              HasSubstr("Key 'qwen35.ssm.inner_size' is 65, which 8 heads of v"));
  EXPECT_THAT(error_with("qwen35.ssm.conv_kernel", 1),
              HasSubstr("Key 'qwen35.ssm.conv_kernel' is 1, and 2 to 64"));
  EXPECT_THAT(error_with("qwen35.ssm.conv_kernel", 5),
              HasSubstr("Tensor 'blk.0.ssm_conv1d.weight' has shape [4, 112]"));
  EXPECT_THAT(error_with("qwen35.nextn_predict_layers", 4),
              HasSubstr("Key 'qwen35.nextn_predict_layers' is 4, and there are 4 layers in all"));
}

TEST(Qwen35, LayersThatGuessAheadAreLeftOut) {
  look_at_changed(
      "qwen35",
      [](model::GgufImage& image) {
        image.metadata.set("qwen35.block_count", 5U);
        image.metadata.set("qwen35.nextn_predict_layers", 1U);
        image.tensors.push_back(image.tensors.front());
        image.tensors.back().info.name = "blk.4.nextn.eh_proj.weight";
      },
      [](const Result<model::ModelSpec>& spec) {
        ASSERT_TRUE(spec.has_value()) << spec.error().message();
        EXPECT_EQ(spec->layers.size(), 4U);
      });
}

TEST(Qwen35, AFileThatListsItsLayersNeedsNoInterval) {
  look_at_changed(
      "qwen35",
      [](model::GgufImage& image) {
        image.metadata.erase("qwen35.full_attention_interval");
        const std::vector<int32_t> recurrent{1, 1, 1, 0};
        image.metadata.set("qwen35.attention.recurrent_layers", std::span(recurrent));
      },
      [](const Result<model::ModelSpec>& spec) {
        ASSERT_TRUE(spec.has_value()) << spec.error().message();
        EXPECT_TRUE(spec->layers[2].delta_net);
        EXPECT_FALSE(spec->layers[3].delta_net);
      });
}

TEST(Qwen35, QuantisingLeavesConvolutionAndDecaysInFloats) {
  const auto stays_so = [](const Result<model::ModelSpec>& spec) {
    using enum formats::TensorType;
    ASSERT_TRUE(spec.has_value()) << spec.error().message();
    const model::DeltaNet& net = *spec->layers[0].delta_net;
    for (const model::Weight* weight : {&net.conv, &net.decay, &net.dt_bias, &net.norm}) {
      EXPECT_EQ(weight->tensor.type, kF32) << weight->tensor.name;
    }
    for (const model::Weight* weight : {&net.qkv, &net.gate, &net.beta, &net.alpha, &net.output}) {
      EXPECT_EQ(weight->tensor.type, kQ8_0) << weight->tensor.name;
    }
  };
  look_at_changed("qwen35", [](model::GgufImage&) {}, stays_so,
                  {.type = *model::find_quantize_type("Q8_0")});
}

}  // namespace
}  // namespace weft::testing
