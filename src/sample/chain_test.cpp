#include "sample/chain.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample/random.h"
#include "sample/stages.h"

namespace weft::sample {
namespace {

using testing::ElementsAre;

constexpr DrawLimits kLimits{.max_typical = 64, .max_edits = 256};

// Everything off: the model's own distribution.
Params plain() { return {.temperature = 1, .top_k = 0, .typical_p = 1, .top_p = 1, .min_p = 0}; }

std::vector<Candidate> from_probabilities(std::vector<double> probabilities) {
  std::vector<Candidate> out;
  for (const double p : probabilities) {
    out.push_back({static_cast<Token>(out.size()), static_cast<float>(std::log(p))});
  }
  return out;
}

std::vector<float> logits_of(const std::vector<Candidate>& candidates) {
  std::vector<float> out;
  for (const Candidate& candidate : candidates) out.push_back(candidate.logit);
  return out;
}

std::vector<Token> tokens_of(const std::vector<Candidate>& candidates) {
  std::vector<Token> out;
  for (const Candidate& candidate : candidates) out.push_back(candidate.token);
  return out;
}

// By hand, as the definitions in params.h read.
TEST(Stages, TopKKeepsTheBestAndBreaksTiesByToken) {
  std::vector<Candidate> c = {{0, 1}, {1, 3}, {2, 2}, {3, 3}, {4, 2}};
  keep_top_k(c, 3);
  EXPECT_EQ(tokens_of(c), (std::vector<Token>{1, 3, 2}));
  keep_top_k(c, 10);
  EXPECT_EQ(tokens_of(c), (std::vector<Token>{1, 3, 2}));
}

TEST(Stages, TopPKeepsTheFewestThatReachTheShare) {
  const auto table = from_probabilities({0.1, 0.4, 0.2, 0.3});
  const std::map<float, std::vector<Token>> cases = {
      {0.0F, {1}}, {0.39F, {1}}, {0.41F, {1, 3}}, {0.69F, {1, 3}}, {0.71F, {1, 3, 2}}};
  for (const auto& [p, expected] : cases) {
    auto c = table;
    keep_top_p(c, p);
    EXPECT_EQ(tokens_of(c), expected) << p;
  }
}

TEST(Stages, TopPGoesOnPastItsFirstSort) {
  auto c = from_probabilities(std::vector<double>(1000, 0.001));
  keep_top_p(c, 0.9F);
  EXPECT_NEAR(static_cast<double>(c.size()), 900, 1);
  EXPECT_TRUE(std::ranges::is_sorted(c, better));
}

TEST(Stages, MinPIsRelativeToTheBest) {
  auto c = from_probabilities({0.1, 0.4, 0.2, 0.3});
  keep_min_p(c, 0.45F);  // at least 0.18
  EXPECT_EQ(tokens_of(c), (std::vector<Token>{1, 2, 3}));
  keep_min_p(c, 1.0F);
  EXPECT_EQ(tokens_of(c), (std::vector<Token>{1}));
}

TEST(Stages, TypicalPrefersWhatSurprisesAsExpected) {
  // Entropy 1.339 nats; surprises 0.598, 1.897, 1.897, 2.996, 3.507, 2.659; distances 0.741, 0.558,
  // 0.558, 1.657, 2.168, 1.320: the most likely token comes third.
  const auto table = from_probabilities({0.55, 0.15, 0.15, 0.05, 0.03, 0.07});
  auto c = table;
  keep_typical(c, 0.2F);
  EXPECT_EQ(tokens_of(c), (std::vector<Token>{1, 2}));
  c = table;
  keep_typical(c, 0.35F);
  EXPECT_EQ(tokens_of(c), (std::vector<Token>{1, 2, 0}));
}

TEST(Chain, TemperatureZeroIsTheFirstOfTheMostLikely) {
  Params params;
  params.temperature = 0;
  params.typical_p = 0.1F;  // would drop it
  Chain chain(params, 1);
  EXPECT_EQ(chain.choose(std::vector<float>{1, 5, 5, 2}, {}), 1U);
}

TEST(Chain, PenaltiesFollowTheirFormulas) {
  const std::vector<float> logits = {2, -2, 1.5F, 0, 1.2F};
  const std::vector<Token> history = {2, 0, 0, 1};
  Params params = plain();
  params.temperature = 0;
  params.repeat_penalty = 2;  // 1, -4, 0.75, 0, 1.2
  EXPECT_EQ(Chain(params, 0).choose(logits, history), 4U);
  params = plain();
  params.temperature = 0;
  params.frequency_penalty = 0.45F;  // 1.1, -2.45, 1.05, 0, 1.2
  EXPECT_EQ(Chain(params, 0).choose(logits, history), 4U);
  params.frequency_penalty = 0.35F;  // 1.3, ...
  EXPECT_EQ(Chain(params, 0).choose(logits, history), 0U);
  params.frequency_penalty = 0;
  params.presence_penalty = 0.9F;  // 1.1, -2.9, 0.6, 0, 1.2
  EXPECT_EQ(Chain(params, 0).choose(logits, history), 4U);
  params.repeat_last_n = 1;  // only token 1 is seen
  EXPECT_EQ(Chain(params, 0).choose(logits, history), 0U);
}

TEST(Chain, BiasMovesAndForbids) {
  Params params;
  params.temperature = 0;
  params.logit_bias = {{0, -HUGE_VALF}, {2, 1.5F}, {99, 50}};
  EXPECT_EQ(Chain(params, 0).choose(std::vector<float>{3, 1, 0}, {}), 2U);
}

TEST(Chain, SurvivesLogitsThatAreNotNumbers) {
  const float nan = std::nanf("");
  const float infinity = HUGE_VALF;
  Chain chain(Params{}, 0);
  EXPECT_EQ(chain.choose(std::vector<float>{nan, nan, 1, nan}, {}), 2U);
  EXPECT_EQ(chain.choose(std::vector<float>{1, infinity, 1}, {}), 1U);
  EXPECT_LT(chain.choose(std::vector<float>(5, nan), {}), 5U);
  EXPECT_LT(chain.choose(std::vector<float>(5, -infinity), {}), 5U);
}

TEST(Chain, TheSameSeedDrawsTheSame) {
  const std::vector<float> logits(1000, 0.0F);
  const auto draw = [&](uint64_t seed) {
    Chain chain(plain(), seed);
    std::vector<Token> text;
    for (int i = 0; i < 20; ++i) text.push_back(chain.choose(logits, text));
    return text;
  };
  const std::vector<Token> text = draw(1);
  EXPECT_GT(std::set<Token>(text.begin(), text.end()).size(), 15U);  // each position is a new draw
  EXPECT_EQ(draw(1), text);
  EXPECT_NE(draw(1), draw(2));
}

// Another way to the same distribution: probabilities, never logits, in maps, each stage written
// from its definition.
using Distribution = std::map<Token, double>;

Distribution normalised(Distribution d) {
  double sum = 0;
  for (const auto& [token, p] : d) sum += p;
  for (auto& [token, p] : d) p /= sum;
  return d;
}

Distribution keep_while(const Distribution& d, std::vector<Token> order, double share) {
  Distribution kept;
  double sum = 0;
  for (const Token token : order) {
    if (!kept.empty() && sum >= share) break;
    kept[token] = d.at(token);
    sum += d.at(token);
  }
  return normalised(kept);
}

Distribution reference(const std::vector<float>& logits, const Params& params) {
  Distribution d;
  for (size_t i = 0; i < logits.size(); ++i) d[static_cast<Token>(i)] = std::exp(logits[i]);
  d = normalised(d);
  const auto by = [&d](auto key) {
    std::vector<Token> order;
    for (const auto& [token, p] : d) order.push_back(token);
    std::ranges::stable_sort(order, {}, key);
    return order;
  };
  const auto unlikely = [&d](Token token) { return -d.at(token); };
  if (params.top_k != 0) {
    std::vector<Token> order = by(unlikely);
    order.resize(std::min<size_t>(order.size(), params.top_k));
    d = keep_while(d, order, 2);
  }
  if (params.typical_p < 1) {
    double entropy = 0;
    for (const auto& [token, p] : d) entropy -= p * std::log(p);
    const auto oddness = [&](Token token) { return std::abs(-std::log(d.at(token)) - entropy); };
    d = keep_while(d, by(oddness), params.typical_p);
  }
  if (params.top_p < 1) d = keep_while(d, by(unlikely), params.top_p);
  double best = 0;
  for (const auto& [token, p] : d) best = std::max(best, p);
  std::erase_if(d, [&](const auto& entry) { return entry.second < params.min_p * best; });
  for (auto& [token, p] : d) p = std::pow(p, 1 / params.temperature);
  return normalised(d);
}

TEST(Chain, DrawsAsOftenAsTheReferenceSays) {
  constexpr int kDraws = 4000;
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 2);
  const auto pick = [&](auto... choices) {
    const std::vector<float> list = {static_cast<float>(choices)...};
    return list[random() % list.size()];
  };
  for (int round = 0; round < 40; ++round) {
    std::vector<float> logits(30);
    for (float& logit : logits) logit = normal(random);
    const Params params = {.temperature = pick(0.5, 1, 1.7),
                           .top_k = static_cast<uint32_t>(pick(0, 3, 12, 100)),
                           .typical_p = pick(1, 0.3, 0.8),
                           .top_p = pick(1, 0.5, 0.9),
                           .min_p = pick(0, 0.05, 0.3)};
    const Distribution expected = reference(logits, params);
    Chain chain(params, 1000 + static_cast<uint64_t>(round));
    std::map<Token, int> seen;
    std::vector<Token> history;
    for (int i = 0; i < kDraws; ++i) {
      const Token token = chain.choose(logits, history);
      ++seen[token];
      history.push_back(token);
    }
    for (const auto& [token, count] : seen) ASSERT_TRUE(expected.contains(token)) << round;
    for (const auto& [token, p] : expected) {
      // Five standard deviations of a binomial count, and one for small ones.
      EXPECT_NEAR(seen[token], kDraws * p, 1 + 5 * std::sqrt(kDraws * p * (1 - p))) << round;
    }
  }
}

TEST(Chain, ADrawSeesWhatPenaltiesLookBackOn) {
  const std::vector<Token> history{1, 2, 3, 4, 5};
  Params params = plain();
  EXPECT_TRUE(Chain(params, 1).draw(history).seen.empty());
  params.presence_penalty = 1;
  params.repeat_last_n = 3;
  const Chain chain(params, 1);
  EXPECT_THAT(chain.draw(history).seen, ElementsAre(3, 4, 5));
  const Draw ahead = chain.draw(history, 2);
  EXPECT_THAT(ahead.seen, ElementsAre(5));
  EXPECT_EQ(ahead.n_ahead, 2U);
  EXPECT_EQ(ahead.uniform, uniform(1, 7));
  EXPECT_EQ(chain.draw(history, 4).n_ahead, 3U);
  EXPECT_TRUE(chain.draw(history, 4).seen.empty());
  params.repeat_last_n = -1;
  EXPECT_THAT(Chain(params, 1).draw(history, 2).seen, ElementsAre(1, 2, 3, 4, 5));
}

TEST(ChooserFor, IsTheFastestThatIsExact) {
  const auto chooser = [](const Params& params, uint32_t context = 1000) {
    return chooser_for(params, kLimits, context);
  };
  Params params;
  EXPECT_EQ(chooser(params), Chooser::kDraw);
  params.typical_p = 0.9F;
  EXPECT_EQ(chooser(params), Chooser::kDraw);
  params.top_k = kLimits.max_typical + 1;
  EXPECT_EQ(chooser(params), Chooser::kHost);
  params.top_k = 0;
  EXPECT_EQ(chooser(params), Chooser::kHost);
  params.typical_p = 1;
  EXPECT_EQ(chooser(params), Chooser::kDraw);
  params.temperature = 0;
  EXPECT_EQ(chooser(params), Chooser::kArgmax);
  params.presence_penalty = 1;
  EXPECT_EQ(chooser(params), Chooser::kDraw);
  params.repeat_last_n = 0;  // a penalty that looks at nothing is none
  EXPECT_EQ(chooser(params), Chooser::kArgmax);
  params.logit_bias = {{1, 1}};
  EXPECT_EQ(chooser(params), Chooser::kDraw);
  params.repeat_last_n = static_cast<int32_t>(kLimits.max_edits);
  EXPECT_EQ(chooser(params), Chooser::kHost);
  EXPECT_EQ(chooser(params, kLimits.max_edits - 1), Chooser::kDraw);  // the bias is one
  params.repeat_last_n = -1;
  EXPECT_EQ(chooser(params), Chooser::kHost);
  EXPECT_EQ(chooser(params, kLimits.max_edits - 1), Chooser::kDraw);
}

TEST(Logprobs, AreOfTheModelsDistribution) {
  const auto table = from_probabilities({0.1, 0.4, 0.2, 0.3});
  const Logprobs out = logprobs(logits_of(table), 2, 2);
  EXPECT_EQ(out.chosen.token, 2U);
  EXPECT_NEAR(out.chosen.logprob, std::log(0.2), 1e-6);
  ASSERT_EQ(out.top.size(), 2U);
  EXPECT_EQ(out.top[0].token, 1U);
  EXPECT_NEAR(out.top[0].logprob, std::log(0.4), 1e-6);
  EXPECT_EQ(out.top[1].token, 3U);
}

TEST(CheckParams, NamesWhatIsOutOfRange) {
  EXPECT_TRUE(check_params({}));
  Params params;
  params.top_p = 1.5F;
  EXPECT_EQ(check_params(params).error().message(),
            "top_p is 1.5, and must be a number from 0 to 1.");
  params = {};
  params.temperature = std::nanf("");
  EXPECT_FALSE(check_params(params));
  params = {};
  params.logit_bias = {{3, HUGE_VALF}};
  EXPECT_NE(check_params(params).error().message().find("token 3"), std::string::npos);
}

}  // namespace
}  // namespace weft::sample
