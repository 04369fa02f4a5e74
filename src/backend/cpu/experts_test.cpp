#include "backend/cpu/experts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu/cpu_backend.h"
#include "testing/backend_runs.h"
#include "testing/tiny_model.h"

namespace weft::backend {
namespace {

using formats::TensorType;
using model::Mixture;
using model::Router;

struct Chosen {
  std::vector<uint32_t> experts;
  std::vector<float> weights;
};

Chosen choose(const Mixture& mixture, const std::vector<float>& logits) {
  std::vector<ExpertChoice> choices(mixture.used);
  choose_experts(mixture, logits, choices);
  Chosen out;
  for (const ExpertChoice& choice : choices) {
    out.experts.push_back(choice.expert);
    out.weights.push_back(choice.weight);
  }
  return out;
}

void expect_near(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-6F) << i;
}

// exp(0), exp(ln 4), exp(ln 3), exp(ln 2) are 1, 4, 3, 2: of ten in all.
const std::vector<float> kLogits = {0, 1.3862944F, 1.0986123F, 0.6931472F};

TEST(ChooseExperts, TakesTheMostLikelyOnesWithTheirScores) {
  const Chosen all = choose({.experts = 4, .used = 2, .router = Router::kSoftmax}, kLogits);
  EXPECT_EQ(all.experts, (std::vector<uint32_t>{1, 2}));
  expect_near(all.weights, {0.4F, 0.3F});
  const Chosen normalized =
      choose({.experts = 4, .used = 3, .router = Router::kSoftmax, .normalized = true}, kLogits);
  EXPECT_EQ(normalized.experts, (std::vector<uint32_t>{1, 2, 3}));
  expect_near(normalized.weights, {4 / 9.0F, 3 / 9.0F, 2 / 9.0F});
  const Chosen sigmoid = choose({.experts = 4, .used = 2, .router = Router::kSigmoid}, kLogits);
  EXPECT_EQ(sigmoid.experts, (std::vector<uint32_t>{1, 2}));
  expect_near(sigmoid.weights, {4 / 5.0F, 3 / 4.0F});
}

// 4.95 is near 5, and 4.8 is near neither; then 4.8 is too far from 4.95, which stands alone.
TEST(ChooseExperts, MixesSparsely) {
  const Chosen chosen =
      choose({.experts = 4, .used = 2, .router = Router::kSparseMixer}, {1, 4.95F, 5, 4.8F});
  EXPECT_EQ(chosen.experts, (std::vector<uint32_t>{2, 1}));
  expect_near(chosen.weights, {1 / (1 + std::exp(-0.05F)), 1});
}

TEST(ChooseExperts, TakesTheFirstOfEqualOnes) {
  const Chosen chosen = choose({.experts = 4, .used = 3}, {1, 2, 2, 1});
  EXPECT_EQ(chosen.experts, (std::vector<uint32_t>{1, 2, 0}));
}

class Experts : public ::testing::TestWithParam<TensorType> {};

// Few rows and many, of experts that many rows find and none.
TEST_P(Experts, MatchTheReferenceModel) {
  const testing::TinyModel model({.embd = 256,
                                  .heads = 8,
                                  .kv_heads = 2,
                                  .head_dim = 32,
                                  .ff = 256,
                                  .experts = 6,
                                  .experts_used = 3,
                                  .vocab = 300,
                                  .type = GetParam()});
  Options options = testing::test_options();
  options.threads = 2;
  const auto backend = create_cpu_backend(model.spec(), options);
  ASSERT_TRUE(backend) << backend.error().message();
  const auto tokens = testing::some_tokens(40, 1, model.spec().vocab);
  const auto at_once = testing::all_logits(**backend, tokens, {40});
  EXPECT_LE(testing::relative_error(model.spec(), tokens, at_once), 0x1p-10);
  EXPECT_EQ(testing::all_logits(**backend, tokens, {1, 7, 20}), at_once);
}

INSTANTIATE_TEST_SUITE_P(All, Experts,
                         ::testing::Values(TensorType::kF32, TensorType::kBF16, TensorType::kQ8_0,
                                           TensorType::kQ4_0, TensorType::kQ4_K),
                         [](const auto& type) {
                           return std::string(formats::info(type.param).name);
                         });

}  // namespace
}  // namespace weft::backend
