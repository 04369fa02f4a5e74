// Divergence against its definition summed by hand, and the file it reads.
#include "engine/divergence.h"

#include <cmath>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "engine/evaluate.h"
#include "testing/backend_runs.h"
#include "testing/fake_backend.h"

namespace weft::engine {
namespace {

using testing::FakeBackend;
using ::testing::HasSubstr;
using testing::some_tokens;

constexpr uint32_t kVocab = 321;  // odd: a row of the file is filled up
constexpr LogitsBaseShape kShape{.context = 9, .vocab = kVocab, .chunks = 2};

FakeBackend make_fake() {
  return FakeBackend(
      {.options = {.max_sequences = 1, .max_rows = 7, .max_context = 96, .kv_blocks = 2},
       .vocab = kVocab});
}

// A log-probability in the file is at most this far from what it was.
constexpr double kHalfLevel = 16.0 / 65535 / 2;

std::filesystem::path base_path() {
  return std::filesystem::path(::testing::TempDir()) / "weft_divergence_test.bin";
}

std::vector<double> log_softmax(std::span<const float> logits) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit});
  std::vector<double> result;
  for (const float logit : logits) result.push_back(logit - std::log(sum));
  return result;
}

// The base's logits: those of the model, but for some that are moved.
std::vector<float> moved(std::vector<float> logits, size_t row) {
  for (size_t i = row % 5; i < logits.size(); i += 5) logits[i] += 0.25F;
  return logits;
}

std::vector<std::vector<float>> model_rows(const FakeBackend& fake, std::span<const Token> tokens) {
  std::vector<std::vector<float>> rows;
  for (size_t begin = 0; begin < tokens.size(); begin += kShape.context) {
    for (size_t n = kShape.context / 2 + 1; n < kShape.context; ++n) {
      rows.push_back(fake.expected_logits(tokens.subspan(begin, n)));
    }
  }
  return rows;
}

void write_base(std::span<const Token> tokens, const std::vector<std::vector<float>>& rows) {
  auto writer = LogitsBaseWriter::create(base_path(), kShape, tokens).value();
  for (size_t i = 0; i < rows.size(); ++i) ASSERT_TRUE(writer.add(moved(rows[i], i)));
  ASSERT_TRUE(writer.commit());
}

TEST(Divergence, IsThatOfItsDefinition) {
  FakeBackend fake = make_fake();
  const std::vector<Token> tokens = some_tokens(kShape.chunks * kShape.context, 1, kVocab);
  const auto rows = model_rows(fake, tokens);
  write_base(tokens, rows);

  double kld = 0;
  double squares = 0;
  double same = 0;
  double largest = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<float> base = moved(rows[i], i);
    const std::vector<double> p = log_softmax(rows[i]);
    const std::vector<double> q = log_softmax(base);
    double of_row = 0;
    for (size_t t = 0; t < kVocab; ++t) of_row += std::exp(q[t]) * (q[t] - p[t]);
    kld += of_row;
    largest = std::max(largest, of_row);
    const Token came = tokens[i / 4 * kShape.context + kShape.context / 2 + 1 + i % 4];
    squares += std::pow(std::exp(p[came]) - std::exp(q[came]), 2);
    same += std::ranges::max_element(p) - p.begin() == std::ranges::max_element(q) - q.begin();
  }
  const auto n = static_cast<double>(rows.size());

  const LogitsBase base = LogitsBase::open(base_path()).value();
  EXPECT_THAT(base.tokens(), ::testing::ElementsAreArray(tokens));
  const Divergence got = divergence(fake, base, std::nullopt, [](double, uint32_t) {}).value();
  EXPECT_EQ(got.scored, rows.size());
  EXPECT_NEAR(got.kld.value, kld / n, kHalfLevel / 20);  // rounding has any sign
  EXPECT_NEAR(got.max_kld, largest, kHalfLevel / 20);
  EXPECT_NEAR(got.rms_delta_p.value, std::sqrt(squares / n),
              4 * kHalfLevel * std::sqrt(squares / n));
  EXPECT_DOUBLE_EQ(got.same_top.value, same / n);
  EXPECT_LT(got.same_top.value, 1) << "the moved logits should change some row's highest";
}

TEST(Divergence, OfAModelFromItselfIsNothing) {
  FakeBackend fake = make_fake();
  const std::vector<Token> tokens = some_tokens(20, 2, kVocab);
  const ChunkOptions options{.context = kShape.context};
  auto writer = LogitsBaseWriter::create(base_path(), kShape,
                                         std::span(tokens).first(kShape.chunks * kShape.context))
                    .value();
  const Perplexity kept =
      perplexity(fake, tokens, options, [](const Perplexity&, uint32_t) {}, &writer).value();
  ASSERT_TRUE(writer.commit());
  const LogitsBase base = LogitsBase::open(base_path()).value();
  const Divergence got = divergence(fake, base, std::nullopt, [](double, uint32_t) {}).value();
  EXPECT_LT(std::abs(got.kld.value), 1e-6);
  EXPECT_EQ(got.same_top.value, 1);
  EXPECT_NEAR(got.base_perplexity.value, kept.value, 1e-3 * kept.value);
  EXPECT_NEAR(got.perplexity.value, kept.value, 1e-9 * kept.value);
}

TEST(Divergence, RefusesAnotherVocabulary) {
  const std::vector<Token> tokens = some_tokens(kShape.chunks * kShape.context, 1, kVocab);
  write_base(tokens, model_rows(make_fake(), tokens));
  FakeBackend other({.options = {.max_context = 96, .kv_blocks = 3}, .vocab = 320});
  const auto got = divergence(other, LogitsBase::open(base_path()).value(), std::nullopt,
                              [](double, uint32_t) {});
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message(), AllOf(HasSubstr("321"), HasSubstr("320")));
}

TEST(LogitsBase, RefusesWhatIsBroken) {
  const std::vector<Token> tokens = some_tokens(kShape.chunks * kShape.context, 1, kVocab);
  write_base(tokens, model_rows(make_fake(), tokens));
  const std::string good = read_text_file(base_path()).value();
  const auto error_of = [&](const std::string& bytes) {
    EXPECT_TRUE(write_file(base_path(), std::as_bytes(std::span(bytes))));
    const auto opened = LogitsBase::open(base_path());
    return opened ? std::string("no error") : opened.error().message();
  };
  const auto with = [&](size_t place, uint32_t word) {
    std::string bytes = good;
    std::memcpy(&bytes[place], &word, sizeof word);
    return bytes;
  };
  EXPECT_THAT(error_of("GGUF" + good.substr(4)), HasSubstr("does not begin"));
  EXPECT_THAT(error_of(good.substr(0, 10)), HasSubstr("does not begin"));
  EXPECT_THAT(
      error_of(good.substr(0, good.size() - 1)),
      AllOf(HasSubstr(std::to_string(good.size())), HasSubstr(std::to_string(good.size() - 1))));
  EXPECT_THAT(error_of(with(8, 0xffffffffU)), HasSubstr("4294967295"));
  EXPECT_THAT(error_of(with(12, 0)), HasSubstr("vocabulary of 0"));
  EXPECT_THAT(error_of(with(16, 0x7fffffffU)), HasSubstr("2147483647"));
  EXPECT_THAT(error_of(with(20 + 4 * 3, kVocab)),
              AllOf(HasSubstr("token 321"), HasSubstr("place 3")));
  EXPECT_EQ(error_of(good), "no error");
}

}  // namespace
}  // namespace weft::engine
