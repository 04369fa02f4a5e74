// Perplexity and logits against what their definitions give by hand, from the fake backend's logits
// and from a model in double precision.
#include "engine/evaluate.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/model.h"
#include "testing/backend_runs.h"
#include "testing/fake_backend.h"
#include "testing/reference_model.h"
#include "testing/tiny_model.h"

namespace weft::engine {
namespace {

using testing::FakeBackend;
using ::testing::HasSubstr;
using testing::some_tokens;

constexpr uint32_t kVocab = 320;

// A step of 7 rows: neither a chunk nor its half is a whole number of steps.
FakeBackend make_fake() {
  return FakeBackend(
      {.options = {.max_sequences = 1, .max_rows = 7, .max_context = 96, .kv_blocks = 2},
       .vocab = kVocab});
}

double nll_by_hand(std::span<const float> logits, Token token) {
  long double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<long double>(logit));
  return static_cast<double>(std::log(sum) - logits[token]);
}

// The likelihoods that count, chunk by chunk: in a chunk of n tokens those of the tokens behind the
// one at n / 2, each predicted from all before it.
std::vector<double> scores_by_hand(const FakeBackend& fake, std::vector<Token> tokens,
                                   uint32_t context, std::optional<Token> bos) {
  std::vector<double> scores;
  for (size_t begin = 0; begin + context <= tokens.size(); begin += context) {
    if (bos) tokens[begin] = *bos;
    for (size_t predicted = context / 2 + 1; predicted < context; ++predicted) {
      const auto before = std::span(tokens).subspan(begin, predicted);
      scores.push_back(nll_by_hand(fake.expected_logits(before), tokens[begin + predicted]));
    }
  }
  return scores;
}

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Of exp(mean): the standard error of the mean, carried through the exponential.
double error_by_hand(std::span<const double> scores) {
  double squares = 0;
  for (const double score : scores) squares += std::pow(score - mean(scores), 2);
  const auto n = static_cast<double>(scores.size());
  return std::exp(mean(scores)) * std::sqrt(squares / n / (n - 1));
}

TEST(NegativeLogLikelihood, IsMinusTheLogOfTheSoftmax) {
  const std::vector<float> logits = {1, 3, -2};
  const double sum = std::exp(1.0) + std::exp(3.0) + std::exp(-2.0);
  EXPECT_NEAR(negative_log_likelihood(logits, 0), -std::log(std::exp(1.0) / sum), 1e-12);
  EXPECT_NEAR(negative_log_likelihood(logits, 1), -std::log(std::exp(3.0) / sum), 1e-12);
  // Where the exponentials themselves do not fit a double.
  const std::vector<float> large = {1001, 1003, -1000};
  EXPECT_NEAR(negative_log_likelihood(large, 0), 2 + std::log1p(std::exp(-2.0)), 1e-12);
}

TEST(PerplexityTest, IsThatOfTheSecondHalfOfEveryChunk) {
  for (const uint32_t context : {4U, 10U, 11U, 40U}) {
    for (const std::optional<Token> bos : {std::optional<Token>(), std::optional<Token>(5)}) {
      SCOPED_TRACE(fmt::format("context {}, {}", context, bos ? "with bos" : "without bos"));
      FakeBackend fake = make_fake();
      const std::vector<Token> tokens = some_tokens(2 * context + context - 1, 1, kVocab);
      const std::vector<double> scores = scores_by_hand(fake, tokens, context, bos);
      const auto result =
          perplexity(fake, tokens, {.context = context, .bos = bos}, [](auto&&...) {});
      ASSERT_TRUE(result) << result.error().message();
      EXPECT_EQ(result->chunks, 2U);
      EXPECT_EQ(result->scored, 2 * (context - context / 2 - 1));
      EXPECT_EQ(result->scored, scores.size());
      EXPECT_NEAR(std::log(result->value), mean(scores), 1e-9);
      EXPECT_NEAR(result->standard_error, error_by_hand(scores), 1e-6 * result->value);
    }
  }
}

TEST(PerplexityTest, ProgressHasTheValueSoFar) {
  FakeBackend fake = make_fake();
  const std::vector<Token> tokens = some_tokens(35, 2, kVocab);
  const std::vector<double> scores = scores_by_hand(fake, tokens, 10, {});
  std::vector<double> seen;
  const auto result = perplexity(fake, tokens, {.context = 10, .max_chunks = 2},
                                 [&](const Perplexity& so_far, uint32_t chunks) {
                                   EXPECT_EQ(chunks, 2U);
                                   seen.push_back(std::log(so_far.value));
                                   EXPECT_EQ(so_far.chunks, seen.size());
                                 });
  ASSERT_TRUE(result);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NEAR(seen[0], mean(std::span(scores).first(4)), 1e-9);
  EXPECT_NEAR(seen[1], mean(std::span(scores).first(8)), 1e-9);
}

TEST(PerplexityTest, RefusesWhatItCannotMeasure) {
  FakeBackend fake = make_fake();
  const auto error = [&](uint32_t n_tokens, uint32_t context) {
    const auto result =
        perplexity(fake, some_tokens(n_tokens, 1, kVocab), {.context = context}, [](auto&&...) {});
    return result ? std::string() : result.error().message();
  };
  EXPECT_EQ(error(9, 10), "The text has 9 tokens, and one chunk needs 10.");
  EXPECT_EQ(error(9, 3), "A chunk needs at least 4 tokens, and 3 were asked for.");
  EXPECT_THAT(error(70, 66), HasSubstr("65 tokens, and the context holds 64"));  // two blocks
  fake.fail_with("The device is gone.");
  EXPECT_EQ(error(20, 10), "The device is gone.");
}

TEST(SequenceLogits, AreThoseOfEachRowFromTheFirstOn) {
  FakeBackend fake = make_fake();
  const std::vector<Token> tokens = some_tokens(20, 3, kVocab);
  for (const size_t first : {0U, 6U, 7U, 13U, 19U}) {
    const auto logits = sequence_logits(fake, tokens, first);
    ASSERT_TRUE(logits);
    ASSERT_EQ(logits->size(), (tokens.size() - first) * kVocab);
    for (size_t row = first; row < tokens.size(); ++row) {
      const auto expected = fake.expected_logits(std::span(tokens).first(row + 1));
      EXPECT_TRUE(
          std::ranges::equal(std::span(*logits).subspan((row - first) * kVocab, kVocab), expected))
          << row << " from " << first;
    }
  }
  EXPECT_FALSE(sequence_logits(fake, {}, 0));
}

// The whole way from a file on the CPU. Keys and values are binary16 there: logits, which are of
// the order of 10 here, are off by up to 2^-10 of that.
TEST(PerplexityTest, OfAModelIsThatOfTheReferenceModel) {
  const testing::TinyModel tiny({.vocab = kVocab});
  const auto model = LoadedModel::load({.path = tiny.path(), .device = "cpu", .batch = 24}, {});
  ASSERT_TRUE(model) << model.error().message();
  const std::vector<Token> tokens = some_tokens(80, 4, kVocab);
  double sum = 0;
  for (const size_t begin : {0U, 40U}) {
    const auto chunk = std::span(tokens).subspan(begin, 40);
    const auto logits = testing::reference_logits(tiny.spec(), chunk);
    for (size_t row = 20; row < 39; ++row) {
      double total = 0;
      for (const double logit : logits[row]) total += std::exp(logit);
      sum += std::log(total) - logits[row][chunk[row + 1]];
    }
  }
  const auto result = perplexity((*model)->backend(), tokens, {.context = 40}, [](auto&&...) {});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_NEAR(std::log(result->value), sum / 38, 1e-2);
}

}  // namespace
}  // namespace weft::engine
