#include "testing/reference_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "model/load.h"
#include "testing/tiny_model.h"

namespace weft::testing {
namespace {

size_t argmax(const std::vector<double>& logits) {
  return static_cast<size_t>(std::ranges::max_element(logits) - logits.begin());
}

// llama.cpp continues "The capital of France is" with " Paris".
TEST(ReferenceModel, AgreesWithLlamaCppOnTheDefaultModel) {
  const char* path = std::getenv("WEFT_TEST_MODEL");
  if (path == nullptr) GTEST_SKIP() << "WEFT_TEST_MODEL names no model";
  const auto file = formats::GgufFile::open(path);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  const auto spec = model::spec_from_gguf(*file);
  ASSERT_TRUE(spec.has_value()) << spec.error().message();
  const auto logits = reference_logits(*spec, std::vector<Token>{504, 3575, 282, 4649, 314});
  const auto tokens = file->get_strings("tokenizer.ggml.tokens");
  EXPECT_EQ((*tokens)[argmax(logits.back())], "\u0120Paris");
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
