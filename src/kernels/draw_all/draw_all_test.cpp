#include "kernels/draw_all/draw_all.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gmock/gmock.h>

#include "kernels/draw/draw.h"
#include "kernels/testing/kernel_fixture.h"
#include "kernels/top_k/top_k.h"

namespace weft::kernels {
namespace {

constexpr double kMargin = 1e-5;  // of sums in f32 over a vocabulary

class DrawAllTest : public KernelTest {
 protected:
  // An output each.
  std::vector<uint32_t> draw(const std::vector<float>& logits, const std::vector<DrawRule>& rules) {
    const auto n = static_cast<uint32_t>(rules.size());
    const auto vocab = static_cast<uint32_t>(logits.size() / n);
    std::vector<Row> rows(n);
    std::vector<uint32_t> outputs;
    for (uint32_t i = 0; i < n; ++i) outputs.push_back(i);
    const DrawAllScratchBytes bytes = draw_all_scratch_bytes(vocab, n);
    const TestBuffer rule_buffer = input(rules), edits = input(std::vector<uint32_t>{0});
    const TestBuffer row_buffer = input(rows), output_buffer = input(outputs);
    const TestBuffer logit_buffer = input(logits);
    const TestBuffer drawn = input(std::vector<uint32_t>(kDrawnTokens));
    const TestBuffer scratch = output<std::byte>(top_k_scratch_bytes(vocab, n));
    const TestBuffer candidates = output<Candidate>(n * kTopK);
    const TestBuffer sampled = output<uint32_t>(n), slot_tokens = output<uint32_t>(1);
    const TestBuffer bins = input(std::vector<uint32_t>(bytes.bins / 4));
    const TestBuffer selections = output<std::byte>(bytes.selections);
    const TestBuffer parts = output<std::byte>(bytes.parts);
    std::vector<Dispatch> all;
    const auto add = [&all](auto&& dispatches) {
      std::ranges::move(dispatches, std::back_inserter(all));
    };
    add(kernels::draw(device(), {.vocab = vocab, .max_edits = 1},
                      {.rules = rule_buffer,
                       .edits = edits,
                       .rows = row_buffer,
                       .outputs = output_buffer,
                       .logits = logit_buffer,
                       .scratch = scratch,
                       .candidates = candidates,
                       .sampled = sampled,
                       .slot_tokens = slot_tokens,
                       .drawn_tokens = drawn})
            .value());
    Dispatch last = std::move(all.back());
    all.pop_back();
    DrawAll from_all = draw_all(device(), vocab,
                                {.rules = rule_buffer,
                                 .logits = logit_buffer,
                                 .candidates = candidates,
                                 .bins = bins,
                                 .selections = selections,
                                 .parts = parts});
    add(from_all.top_k);
    add(from_all.top_p);
    add(from_all.pick);
    all.push_back(std::move(last));
    run(all, {.rows = n, .outputs = n});
    EXPECT_THAT(values<uint32_t>(bins), testing::Each(0U));
    (void)values<uint32_t>(selections);  // for its canaries
    (void)values<uint32_t>(parts);
    return values<uint32_t>(sampled);
  }

  // Of the same logits.
  void expect_reference(const std::vector<float>& logits, const std::vector<DrawRule>& rules) {
    std::vector<float> repeated;
    for (size_t i = 0; i < rules.size(); ++i) {
      repeated.insert(repeated.end(), logits.begin(), logits.end());
    }
    const std::vector<uint32_t> drawn = draw(repeated, rules);
    const std::vector<double> wide(logits.begin(), logits.end());
    for (size_t i = 0; i < rules.size(); ++i) {
      EXPECT_THAT(draw_ref(wide, rules[i], kMargin), testing::Contains(drawn[i]))
          << logits.size() << " tokens, top_k " << rules[i].top_k << " top_p " << rules[i].top_p
          << " min_p " << rules[i].min_p << " temperature " << rules[i].temperature << " uniform "
          << rules[i].uniform;
    }
  }
};

// All combinations of the stages, each with a random number of its own.
std::vector<DrawRule> many_rules(uint32_t seed) {
  std::vector<DrawRule> rules;
  for (const uint32_t top_k : {0U, 1U, 65U, 500U}) {
    for (const float top_p : {1.0F, 0.95F, 0.3F, 0.0F}) {
      for (const float min_p : {0.0F, 0.02F}) {
        rules.push_back({.drawn_from = DrawnFrom::kAll,
                         .top_k = top_k,
                         .temperature = rules.size() % 3 == 0 ? 0.6F : 1.4F,
                         .top_p = top_p,
                         .min_p = min_p});
      }
    }
  }
  const std::vector<float> uniforms = random_floats(rules.size(), seed, 0, 1);
  for (size_t i = 0; i < rules.size(); ++i) rules[i].uniform = uniforms[i];
  return rules;
}

TEST_F(DrawAllTest, EveryStageIsThatOfTheReference) {
  for (const uint32_t vocab : {1U, 2U, 255U, 256U, 257U, 2047U, 2048U, 2049U, 5003U}) {
    const std::vector<float> logits = random_floats(vocab, vocab, -9, 3);
    for (const uint32_t seed : {1U, 2U}) expect_reference(logits, many_rules(seed));
  }
  std::vector<DrawRule> some = many_rules(3);
  some.erase(some.begin() + 6, some.end());  // without top_k: the longest lists
  expect_reference(random_floats(50021, 3, -20, 5), some);
  expect_reference(random_floats(262144, 4, -20, 5), some);
}

TEST_F(DrawAllTest, LogitsOfBothSignsAndManyEqualOnes) {
  std::vector<float> logits = random_floats(4999, 4, -3, 3);
  for (float& logit : logits) logit = std::floor(logit);  // -0 too
  expect_reference(logits, many_rules(4));
  expect_reference(std::vector<float>(3000, -1.5F), many_rules(5));
}

TEST_F(DrawAllTest, OneTokenFarAboveTheRest) {
  std::vector<float> logits = random_floats(5003, 6, -30, -20);
  logits[4097] = 400;
  for (const DrawRule& rule : many_rules(6)) EXPECT_EQ(draw(logits, {rule})[0], 4097U);
}

TEST_F(DrawAllTest, EveryTokenComesAsOftenAsItIsLikely) {
  std::vector<float> logits(3000, -60);
  const std::map<uint32_t, double> likely{{0, 1}, {2047, 3}, {2048, 2}, {2999, 4}};
  for (const auto& [token, weight] : likely) logits[token] = static_cast<float>(std::log(weight));
  constexpr size_t kDraws = 50;
  std::vector<DrawRule> rules(kDraws, {.drawn_from = DrawnFrom::kAll, .temperature = 1});
  std::vector<float> repeated;
  for (size_t i = 0; i < kDraws; ++i) {
    rules[i].uniform = (static_cast<float>(i) + 0.5F) / kDraws;
    repeated.insert(repeated.end(), logits.begin(), logits.end());
  }
  std::map<uint32_t, double> seen;
  for (const uint32_t token : draw(repeated, rules)) ++seen[token];
  for (const auto& [token, weight] : likely) EXPECT_EQ(seen[token], kDraws * weight / 10);
}

}  // namespace
}  // namespace weft::kernels
