#include "model/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "testing/quantize.h"
#include "testing/tiny_model.h"

namespace weft::model {
namespace {

using formats::GgufFile;
using formats::TensorType;
using ::testing::AllOf;
using testing::Bytes;
using ::testing::FloatNear;
using testing::GgufWriter;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using testing::tiny_gguf;
using testing::TinyModel;

// What loading says of a tiny model that `change` has altered.
template <class Change>
std::string error_after(Change change, const testing::TinyModelOptions& options = {}) {
  GgufWriter writer = tiny_gguf(options);
  change(writer);
  const Bytes bytes = writer.finish();
  const auto file = GgufFile::parse(bytes, "tiny.gguf");
  if (!file) return file.error().message();
  const auto spec = spec_from_gguf(*file);
  return spec ? "no error" : spec.error().message();
}

template <class Value>
std::string error_with(const std::string& key, Value value) {
  return error_after([&](GgufWriter& writer) { writer.set(key, value); });
}

std::string error_without(const std::string& key) {
  return error_after([&](GgufWriter& writer) { writer.erase(key); });
}

void add_floats(GgufWriter& writer, const std::string& name, const std::vector<float>& values) {
  writer.add_tensor(name, {values.size()}, TensorType::kF32,
                    testing::quantize(TensorType::kF32, values));
}

// inv_freq of the tiny model after `change`; empty where it does not load.
template <class Change>
std::vector<float> inv_freq_after(Change change) {
  GgufWriter writer = tiny_gguf({});
  change(writer);
  const Bytes bytes = writer.finish();
  const auto file = GgufFile::parse(bytes, "tiny.gguf");
  const auto spec = spec_from_gguf(*file);
  return spec ? spec->layers[0].attention.rope.inv_freq : std::vector<float>();
}

// 10000^(-2i / 16) / divisor(i), from the formula.
template <class Divisor>
std::vector<float> wanted_inv_freq(Divisor divisor) {
  std::vector<float> out;
  for (int i = 0; i < 8; ++i) {
    out.push_back(static_cast<float>(std::pow(10.0, -0.5 * i) / divisor(i)));
  }
  return out;
}

TEST(SpecFromGguf, DescribesTheTinyModel) {
  const TinyModel tiny({.layers = 3, .kv_heads = 1, .biases = true});
  const ModelSpec& spec = tiny.spec();
  EXPECT_EQ(spec.architecture, "llama");
  EXPECT_EQ(spec.name, "tiny");
  EXPECT_EQ(spec.embd, 64U);
  EXPECT_EQ(spec.vocab, 320U);
  EXPECT_EQ(spec.context, 256U);
  EXPECT_EQ(spec.norm_eps, 1e-5F);
  EXPECT_FALSE(spec.tied_output);
  ASSERT_EQ(spec.layers.size(), 3U);
  const LayerSpec& layer = spec.layers[2];
  EXPECT_EQ(layer.attention.n_heads, 4U);
  EXPECT_EQ(layer.attention.n_kv_heads, 1U);
  EXPECT_EQ(layer.attention.head_dim, 16U);
  EXPECT_EQ(layer.attention.scale, 0.25F);
  EXPECT_EQ(layer.attention.rope.pairs, RopePairs::kAdjacent);
  EXPECT_EQ(layer.mlp.ff, 96U);
  EXPECT_EQ(layer.attn_k.tensor.name, "blk.2.attn_k.weight");
  EXPECT_EQ(layer.attn_k.rows, 16U);
  EXPECT_EQ(layer.attn_k.cols, 64U);
  EXPECT_EQ(layer.ffn_down.rows, 64U);
  EXPECT_EQ(layer.ffn_down.cols, 96U);
  for (const auto* bias :
       {&layer.attn_q_bias, &layer.attn_k_bias, &layer.attn_v_bias, &layer.attn_output_bias,
        &layer.ffn_gate_bias, &layer.ffn_up_bias, &layer.ffn_down_bias}) {
    EXPECT_TRUE(bias->has_value());
  }
  EXPECT_FALSE(TinyModel().spec().layers[0].attn_q_bias.has_value());
}

TEST(SpecFromGguf, CountsATiedHeadOnce) {
  const TinyModel untied;
  const TinyModel tied({.tied = true});
  EXPECT_TRUE(tied.spec().tied_output);
  EXPECT_EQ(tied.spec().output.tensor.name, "token_embd.weight");
  EXPECT_EQ(untied.spec().parameters(), tied.spec().parameters() + 320 * 64);
  EXPECT_EQ(untied.spec().weight_bytes(), tied.spec().weight_bytes() + 4 * 320 * 64);
  // Embedding, norms (2 a layer and 1), q and output, k and v, three matrices of the MLP.
  EXPECT_EQ(tied.spec().parameters(),
            320U * 64 + 5 * 64 + 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 96 * 64));
}

// As in GGUF files from before experts were merged: "blk.0.ffn_up.2.weight".
TEST(SpecFromGguf, ExpertsMayHaveTensorsOfTheirOwn) {
  const testing::TinyModelOptions options{.layers = 1, .experts = 3};
  const TinyModel merged(options);
  GgufWriter writer = tiny_gguf(options);
  const auto take_apart = [&](const std::string& role, Weight Expert::* matrix) {
    writer.erase_tensor("blk.0." + role + "_exps.weight");
    for (size_t i = 0; i < options.experts; ++i) {
      const Weight& weight = merged.spec().layers[0].experts[i].*matrix;
      writer.add_tensor(fmt::format("blk.0.{}.{}.weight", role, i), {weight.cols, weight.rows},
                        weight.tensor.type,
                        Bytes(weight.tensor.data.begin(), weight.tensor.data.end()));
    }
  };
  take_apart("ffn_gate", &Expert::gate);
  take_apart("ffn_up", &Expert::up);
  take_apart("ffn_down", &Expert::down);
  const Bytes bytes = writer.finish();
  const auto file = GgufFile::parse(bytes, "apart.gguf");
  ASSERT_TRUE(file.has_value()) << file.error().message();
  const auto spec = spec_from_gguf(*file);
  ASSERT_TRUE(spec.has_value()) << spec.error().message();
  for (size_t i = 0; i < options.experts; ++i) {
    for (const auto matrix : {&Expert::gate, &Expert::up, &Expert::down}) {
      const Weight& got = spec->layers[0].experts[i].*matrix;
      const Weight& want = merged.spec().layers[0].experts[i].*matrix;
      EXPECT_EQ(got.rows, want.rows);
      EXPECT_TRUE(std::ranges::equal(got.tensor.data, want.tensor.data)) << got.tensor.name;
    }
  }
}

TEST(SpecFromGguf, QuantizationIsTheFilesNameOrTheMostCommonType) {
  EXPECT_EQ(TinyModel().spec().quantization(), "F32");
  EXPECT_EQ(TinyModel({.type = TensorType::kQ8_0}).spec().quantization(), "Q8_0");
  const testing::TinyModelOptions wide{
      .embd = 256, .heads = 16, .ff = 256, .type = TensorType::kQ4_K};
  EXPECT_EQ(TinyModel(wide).spec().quantization(), "Q4_K");
  GgufWriter writer = tiny_gguf(wide);
  writer.set("general.file_type", 15U);
  const Bytes bytes = writer.finish();
  const auto file = GgufFile::parse(bytes, "tiny.gguf");
  EXPECT_EQ(spec_from_gguf(*file)->quantization(), "Q4_K_M");
}

TEST(SpecFromGguf, OptionalKeysHaveDefaults) {
  EXPECT_EQ(error_without("llama.vocab_size"), "no error");
  EXPECT_EQ(error_without("llama.rope.dimension_count"), "no error");
  EXPECT_EQ(error_without("llama.rope.freq_base"), "no error");
  EXPECT_EQ(error_without("llama.attention.key_length"), "no error");
  EXPECT_EQ(error_without("llama.attention.value_length"), "no error");
  const auto no_kv_heads = [](GgufWriter& w) { w.erase("llama.attention.head_count_kv"); };
  EXPECT_EQ(error_after(no_kv_heads, {.kv_heads = 4}), "no error");
  EXPECT_THAT(error_after(no_kv_heads), HasSubstr("attn_k.weight"));
}

TEST(SpecFromGguf, MissingKeysAreNamed) {
  for (const char* key : {"general.architecture", "llama.block_count", "llama.context_length",
                          "llama.embedding_length", "llama.feed_forward_length",
                          "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon"}) {
    EXPECT_THAT(error_without(key), HasSubstr(fmt::format("Key '{}' is missing.", key)));
  }
}

TEST(SpecFromGguf, ErrorsNameTheFile) {
  EXPECT_EQ(error_without("llama.block_count"),
            "Key 'llama.block_count' is missing. While reading the model 'tiny.gguf'.");
}

TEST(SpecFromGguf, AlteredKeysContradictTensors) {
  EXPECT_THAT(error_with("llama.block_count", 3U),
              HasSubstr("'blk.2.attn_norm.weight' is missing"));
  EXPECT_THAT(error_with("llama.block_count", 1U),
              HasSubstr("Tensor 'blk.1.attn_norm.weight' has no place"));
  EXPECT_THAT(
      error_with("llama.embedding_length", 32U),
      HasSubstr("'token_embd.weight' has shape [64, 320], and the header implies [32, 320]"));
  EXPECT_THAT(error_with("llama.feed_forward_length", 64U),
              HasSubstr("'blk.0.ffn_gate.weight' has shape [64, 96]"));
  EXPECT_THAT(error_with("llama.attention.head_count", 2U), HasSubstr("'blk.0.attn_q.weight'"));
  EXPECT_THAT(error_with("llama.attention.head_count_kv", 4U), HasSubstr("'blk.0.attn_k.weight'"));
  EXPECT_THAT(error_with("llama.vocab_size", 319U),
              AllOf(HasSubstr("'llama.vocab_size' is 319"), HasSubstr("320 rows")));
  const std::string tokens[] = {"a", "b"};
  EXPECT_THAT(error_with("tokenizer.ggml.tokens", std::span<const std::string>(tokens)),
              AllOf(HasSubstr("has 2 tokens"), HasSubstr("320 rows")));
}

TEST(SpecFromGguf, AlteredKeysOutOfRange) {
  for (const char* key :
       {"llama.block_count", "llama.context_length", "llama.embedding_length",
        "llama.feed_forward_length", "llama.attention.head_count", "llama.attention.head_count_kv",
        "llama.attention.key_length", "llama.rope.dimension_count", "llama.vocab_size"}) {
    EXPECT_THAT(error_with(key, 0U), HasSubstr(fmt::format("Key '{}' is 0", key)));
    EXPECT_THAT(error_with(key, "many"), HasSubstr(fmt::format("Key '{}' is of type string", key)));
  }
  EXPECT_THAT(error_with("llama.attention.head_count", 0xffffffffU), HasSubstr("1 to 16384"));
  EXPECT_THAT(error_with("llama.attention.key_length", 0xffffffffU), HasSubstr("1 to 16384"));
  EXPECT_THAT(error_with("llama.attention.head_count_kv", 3U), HasSubstr("4 heads and 3 KV heads"));
  EXPECT_THAT(error_with("llama.attention.value_length", 8U), HasSubstr("value_length' is 8"));
  EXPECT_THAT(error_with("llama.rope.dimension_count", 17U), HasSubstr("1 to 16"));
  EXPECT_THAT(error_with("llama.rope.dimension_count", 15U), HasSubstr("even"));
  for (const char* key : {"llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base"}) {
    for (const float value : {0.0F, -1.0F, INFINITY, NAN}) {
      EXPECT_THAT(error_with(key, value), HasSubstr(fmt::format("Key '{}' is {}", key, value)));
    }
  }
}

TEST(SpecFromGguf, WhatIsNotSupportedIsNamed) {
  EXPECT_THAT(error_with("general.architecture", "mamba"),
              AllOf(HasSubstr("'mamba' is not supported"), HasSubstr("llama")));
  EXPECT_THAT(error_with("general.type", "adapter"), HasSubstr("'general.type' is 'adapter'"));
  EXPECT_THAT(error_with("split.count", 2U), HasSubstr("2 parts"));
  EXPECT_THAT(error_with("llama.expert_count", 8U), HasSubstr("'llama.expert_used_count'"));
  EXPECT_EQ(error_with("llama.expert_count", 0U), "no error");
  EXPECT_EQ(error_with("llama.attention.sliding_window", 256U), "no error");
  EXPECT_EQ(error_with("llama.attention.sliding_window", 0U), "no error");
  EXPECT_THAT(error_with("llama.rope.scaling.type", "dynamic"), HasSubstr("'dynamic'"));
  EXPECT_THAT(error_with("llama.logit_scale", 2.0F), HasSubstr("Key 'llama.logit_scale' is not"));
}

TEST(SpecFromGguf, NoTensorIsLeftOutOrOfTheWrongKind) {
  EXPECT_THAT(error_after([](GgufWriter& w) { add_floats(w, "blk.0.attn_q_norm.weight", {1}); }),
              HasSubstr("Tensor 'blk.0.attn_q_norm.weight' has no place in architecture 'llama'"));
  EXPECT_THAT(error_after([](GgufWriter& w) { w.erase_tensor("blk.1.ffn_up.weight"); }),
              HasSubstr("Tensor 'blk.1.ffn_up.weight' is missing."));
  EXPECT_THAT(error_after([](GgufWriter& w) { w.erase_tensor("token_embd.weight"); }),
              HasSubstr("Tensor 'token_embd.weight' is missing."));
  EXPECT_THAT(error_after([](GgufWriter& w) {
                w.erase_tensor("output_norm.weight");
                w.add_tensor("output_norm.weight", {64}, TensorType::kF16, Bytes(128));
              }),
              HasSubstr("Tensor 'output_norm.weight' has type f16"));
  EXPECT_THAT(error_after([](GgufWriter& w) { add_floats(w, "blk.0.attn_q.bias", {1, 2}); }),
              HasSubstr("'blk.0.attn_q.bias' has shape [2], and the header implies [64]"));
}

TEST(SpecFromGguf, RopeFrequenciesFollowTheFormula) {
  const auto close = Pointwise(FloatNear(1e-7F), wanted_inv_freq([](int) { return 1.0; }));
  EXPECT_THAT(inv_freq_after([](GgufWriter&) {}), close);
  EXPECT_THAT(inv_freq_after([](GgufWriter& w) {
                w.set("llama.rope.scaling.type", "none");
                w.set("llama.rope.scaling.factor", 4.0F);
              }),
              close);
  const auto quarter = Pointwise(FloatNear(1e-7F), wanted_inv_freq([](int) { return 4.0; }));
  EXPECT_THAT(inv_freq_after([](GgufWriter& w) { w.set("llama.rope.scale_linear", 4.0F); }),
              quarter);
  EXPECT_THAT(inv_freq_after([](GgufWriter& w) {
                w.set("llama.rope.scaling.type", "linear");
                w.set("llama.rope.scaling.factor", 4.0F);
              }),
              quarter);
  EXPECT_THAT(
      inv_freq_after(
          [](GgufWriter& w) { add_floats(w, "rope_freqs.weight", {1, 1, 1, 1, 1, 1, 8, 8}); }),
      Pointwise(FloatNear(1e-7F), wanted_inv_freq([](int i) { return i < 6 ? 1.0 : 8.0; })));
}

TEST(SpecFromGguf, RopeFactorsMustMakeSense) {
  const auto with_factor = [](float factor) {
    return error_after([factor](GgufWriter& w) {
      add_floats(w, "rope_freqs.weight", {1, 1, 1, factor, 1, 1, 1, 1});
    });
  };
  EXPECT_EQ(with_factor(2), "no error");
  for (const float factor : {0.0F, -1.0F, INFINITY, NAN}) {
    EXPECT_THAT(with_factor(factor), HasSubstr("Element 3 of tensor 'rope_freqs.weight'"));
  }
  EXPECT_THAT(error_with("llama.rope.scale_linear", -2.0F), HasSubstr("scale_linear' is -2"));
  EXPECT_THAT(error_with("llama.rope.scale_linear", 1e-45F), HasSubstr("infinitely fast"));
}

TEST(SpecFromGguf, DescribesTheDefaultModel) {
  const char* path = std::getenv("WEFT_TEST_MODEL");
  if (path == nullptr) GTEST_SKIP() << "WEFT_TEST_MODEL names no model";
  const auto file = GgufFile::open(path);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  const auto spec = spec_from_gguf(*file);
  ASSERT_TRUE(spec.has_value()) << spec.error().message();
  EXPECT_EQ(spec->layers.size(), 30U);
  EXPECT_EQ(spec->embd, 576U);
  EXPECT_EQ(spec->vocab, 49152U);
  EXPECT_EQ(spec->context, 8192U);
  EXPECT_EQ(spec->norm_eps, 1e-5F);
  EXPECT_TRUE(spec->tied_output);
  EXPECT_EQ(spec->quantization(), "Q4_1");
  EXPECT_EQ(spec->parameters(), 134515008U);
  const Attention& attention = spec->layers[29].attention;
  EXPECT_EQ(attention.n_heads, 9U);
  EXPECT_EQ(attention.n_kv_heads, 3U);
  EXPECT_EQ(attention.head_dim, 64U);
  EXPECT_FLOAT_EQ(attention.rope.inv_freq[1], static_cast<float>(std::pow(1e5, -1.0 / 32)));
  EXPECT_EQ(spec->layers[29].mlp.ff, 1536U);
}

}  // namespace
}  // namespace weft::model
