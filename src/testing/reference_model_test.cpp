#include "testing/reference_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "model/load.h"
#include "testing/tiny_model.h"

namespace weft::testing {
namespace {

size_t argmax(const std::vector<double>& logits) {
  return static_cast<size_t>(std::ranges::max_element(logits) - logits.begin());
}

// How llama.cpp goes on from "The capital of France is", greedily and with f32 weights.
TEST(ReferenceModel, AgreesWithLlamaCppOnTheDefaultModel) {
  const char* path = std::getenv("WEFT_TEST_MODEL");
  if (path == nullptr) GTEST_SKIP() << "WEFT_TEST_MODEL names no model";
  const auto file = formats::GgufFile::open(path);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  const auto spec = model::spec_from_gguf(*file);
  ASSERT_TRUE(spec.has_value()) << spec.error().message();
  const auto vocabulary = *file->get_strings("tokenizer.ggml.tokens");

  std::vector<Token> tokens{504, 3575, 282, 4649, 314};
  const size_t prompt = tokens.size();
  for (const char* token : {"\u0120Paris", ".", "\u010a", "\u010a", "The", "\u0120answer",
                            "\u0120is", ":", "\u0120", "2", "0", "1", "8"}) {
    tokens.push_back(static_cast<Token>(std::ranges::find(vocabulary, token) - vocabulary.begin()));
  }
  const auto logits = reference_logits(*spec, tokens);
  for (size_t i = prompt; i < tokens.size(); ++i) {
    EXPECT_EQ(argmax(logits[i - 1]), tokens[i]) << "position " << i;
  }
}

// Rows of q or k in the order of adjacent pairs, put into that of half pairs.
std::vector<std::byte> halves(const model::Weight& w, size_t head_dim) {
  std::vector<std::byte> out(w.tensor.data.size());
  const size_t row_bytes = out.size() / w.rows;
  for (size_t row = 0; row < w.rows; ++row) {
    const size_t i = row % head_dim;
    const size_t from = row - i + (i < head_dim / 2 ? 2 * i : 2 * (i - head_dim / 2) + 1);
    std::ranges::copy(w.tensor.data.subspan(from * row_bytes, row_bytes),
                      out.begin() + static_cast<ptrdiff_t>(row * row_bytes));
  }
  return out;
}

TEST(ReferenceModel, BothPairingsAreTheSameUpToTheOrderOfRows) {
  const TinyModel tiny({.layers = 1});
  model::ModelSpec spec = tiny.spec();
  model::LayerSpec& layer = spec.layers[0];
  layer.attention.rope.pairs = model::RopePairs::kHalf;
  const std::vector<Token> tokens{5, 6, 7, 8};
  const auto adjacent = reference_logits(tiny.spec(), tokens).back();
  EXPECT_GT(std::abs(reference_logits(spec, tokens).back()[0] - adjacent[0]), 1e-3);

  const auto q = halves(layer.attn_q, layer.attention.head_dim);
  const auto k = halves(layer.attn_k, layer.attention.head_dim);
  layer.attn_q.tensor.data = q;
  layer.attn_k.tensor.data = k;
  const auto half = reference_logits(spec, tokens).back();
  for (size_t i = 0; i < half.size(); ++i) EXPECT_NEAR(half[i], adjacent[i], 1e-9);
}

TEST(ReferenceModel, LaterTokensDoNotReachBack) {
  const TinyModel tiny({.biases = true});
  const auto shorter = reference_logits(tiny.spec(), std::vector<Token>{5, 6});
  const auto longer = reference_logits(tiny.spec(), std::vector<Token>{5, 6, 7});
  EXPECT_EQ(longer[0], shorter[0]);
  EXPECT_EQ(longer[1], shorter[1]);
}

// Each option of tiny models must reach the logits, or tests with it show nothing.
TEST(ReferenceModel, EveryOptionChangesTheLogits) {
  const std::vector<Token> tokens{5, 6, 7};
  const auto last = [&](const TinyModelOptions& options) {
    return reference_logits(TinyModel(options).spec(), tokens).back();
  };
  const auto plain = last({});
  EXPECT_EQ(last({}), plain);
  EXPECT_NE(last({.seed = 2}), plain);
  EXPECT_NE(last({.tied = true}), plain);
  EXPECT_NE(last({.biases = true}), plain);
  EXPECT_NE(last({.rope_base = 500}), plain);
  EXPECT_NE(last({.rope_factors = {1, 1, 1, 1, 1, 2, 4, 8}}), plain);
  EXPECT_NE(last({.type = formats::TensorType::kQ8_0}), plain);
}

TEST(ReferenceModel, LogitsOfTinyModelsAreSane) {
  const TinyModel tiny;
  double squares = 0;
  const auto logits = reference_logits(tiny.spec(), std::vector<Token>{1, 2, 3}).back();
  for (const double logit : logits) squares += logit * logit;
  const double deviation = std::sqrt(squares / static_cast<double>(logits.size()));
  EXPECT_GT(deviation, 1.5);
  EXPECT_LT(deviation, 6);
}

}  // namespace
}  // namespace weft::testing
