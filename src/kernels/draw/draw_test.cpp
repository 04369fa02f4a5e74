#include "kernels/draw/draw.h"

#include <algorithm>
#include <bit>
#include <map>

#include <gmock/gmock.h>

#include "kernels/testing/kernel_fixture.h"
#include "kernels/top_k/top_k.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kSlots = 3;
constexpr uint32_t kMaxEdits = 200;

class DrawTest : public KernelTest {
 protected:
  struct Outcome {
    std::vector<uint32_t> sampled, slot_tokens, drawn_tokens;
    std::vector<float> logits;
  };

  // Output i is of row i, at pos 20 + i of slot kSlots - 1 - i.
  Outcome compute(const std::vector<float>& logits, const std::vector<DrawRule>& rules,
                  const std::vector<uint32_t>& edits, const std::vector<uint32_t>& drawn) {
    const auto n = static_cast<uint32_t>(rules.size());
    const auto vocab = static_cast<uint32_t>(logits.size() / n);
    std::vector<Row> rows;
    std::vector<uint32_t> outputs;
    for (uint32_t i = 0; i < n; ++i) {
      rows.push_back({.pos = 20 + i, .slot = kSlots - 1 - i});
      outputs.push_back(i);
    }
    const TestBuffer rule_buffer = input(rules), edit_buffer = input(edits);
    const TestBuffer row_buffer = input(rows), output_buffer = input(outputs);
    const TestBuffer logit_buffer = input(logits), drawn_buffer = input(drawn);
    const TestBuffer scratch = output<std::byte>(top_k_scratch_bytes(vocab, n));
    const TestBuffer candidates = output<Candidate>(n * kTopK);
    const TestBuffer sampled = output<uint32_t>(n), slot_tokens = output<uint32_t>(kSlots);
    run(draw(device(), {.vocab = vocab, .max_edits = kMaxEdits},
             {.rules = rule_buffer,
              .edits = edit_buffer,
              .rows = row_buffer,
              .outputs = output_buffer,
              .logits = logit_buffer,
              .scratch = scratch,
              .candidates = candidates,
              .sampled = sampled,
              .slot_tokens = slot_tokens,
              .drawn_tokens = drawn_buffer})
            .value(),
        {.rows = n, .outputs = n});
    return {values<uint32_t>(sampled), values<uint32_t>(slot_tokens),
            values<uint32_t>(drawn_buffer), values<float>(logit_buffer)};
  }

  // The token of a single output in slot 2 at pos 20; draws 17 to 20 were 5, 6, 5, 7.
  uint32_t draw_one(const std::vector<float>& logits, const DrawRule& rule,
                    const std::vector<uint32_t>& edits = {0}) {
    return compute(logits, {rule}, edits, drawn_before()).sampled[0];
  }

  static std::vector<uint32_t> drawn_before() {
    std::vector<uint32_t> drawn(kSlots * kDrawnTokens, kNan);
    uint32_t pos = 17;
    for (const uint32_t token : {5U, 6U, 5U, 7U})
      drawn[2 * kDrawnTokens + pos++ % kDrawnTokens] = token;
    return drawn;
  }

  void expect_reference(const std::vector<float>& logits, const DrawRule& rule) {
    const std::vector<double> wide(logits.begin(), logits.end());
    EXPECT_THAT(draw_ref(wide, rule, 1e-5), testing::Contains(draw_one(logits, rule)))
        << "uniform " << rule.uniform << " top_k " << rule.top_k;
  }
};

TEST_F(DrawTest, EveryStageIsThatOfTheReference) {
  for (const uint32_t vocab : {1U, 2U, 65U, 5003U}) {
    const std::vector<float> logits = random_floats(vocab, vocab, -4, 4);
    const std::vector<float> uniforms = random_floats(4, vocab + 1, 0, 1);
    for (const float uniform : uniforms) {
      const DrawRule plain{
          .drawn_from = DrawnFrom::kMostLikely, .top_k = 64, .temperature = 1, .uniform = uniform};
      for (const uint32_t top_k : {1U, 2U, 40U, 64U}) {
        DrawRule rule = plain;
        rule.top_k = top_k;
        expect_reference(logits, rule);
        rule.temperature = 0.3F;
        expect_reference(logits, rule);
        rule.typical_p = 0.6F;
        expect_reference(logits, rule);
        rule.top_p = 0.7F;
        expect_reference(logits, rule);
        rule.min_p = 0.2F;
        expect_reference(logits, rule);
        rule.typical_p = 1;
        expect_reference(logits, rule);
      }
    }
  }
}

TEST_F(DrawTest, EveryTokenComesAsOftenAsItIsLikely) {
  const std::vector<float> logits = {0, 1, 2, -1, 0.5F};
  std::vector<uint32_t> seen(logits.size());
  constexpr int kDraws = 60;
  for (int i = 0; i < kDraws; ++i) {
    const float uniform = (static_cast<float>(i) + 0.5F) / kDraws;
    ++seen[draw_one(
        logits,
        {.drawn_from = DrawnFrom::kMostLikely, .top_k = 64, .temperature = 1, .uniform = uniform})];
  }
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit);
  for (size_t token = 0; token < logits.size(); ++token) {
    EXPECT_NEAR(seen[token], kDraws * std::exp(logits[token]) / sum, 1);
  }
}

TEST_F(DrawTest, BiasesAndPenaltiesComeFirst) {
  const std::vector<float> logits = random_floats(400, 9, -2, 2);
  const auto bits = [](float value) { return std::bit_cast<uint32_t>(value); };
  std::map<uint32_t, uint32_t> seen{{9, 1}, {30, 2}, {77, 3}, {5, 1}, {6, 4}, {399, 2}};
  for (uint32_t token = 100; token < 250; ++token) seen[token] = 1;
  // Behind a word that is not this output's: two biases; seen tokens with their times.
  std::vector<uint32_t> edits{kNan, 9, bits(1.25F), 30, bits(2)};
  for (const auto& [token, times] : seen) edits.insert(edits.end(), {token, times});
  edits.push_back(kNan);
  const DrawRule rule{.drawn_from = DrawnFrom::kMostLikely,
                      .n_biases = 2,
                      .n_seen = static_cast<uint32_t>(seen.size()),
                      .first_edit = 1,
                      .repeat_penalty = 1.3F,
                      .frequency_penalty = 0.4F,
                      .presence_penalty = -0.7F};
  const std::vector<std::vector<uint32_t>> all_ahead{{}, {7}, {5, 7}, {5, 6, 5, 7}};
  for (const std::vector<uint32_t>& ahead : all_ahead) {
    std::map<uint32_t, uint32_t> times = seen;
    for (const uint32_t token : ahead) ++times[token];
    std::vector<double> want(logits.begin(), logits.end());
    want[9] += 1.25;
    want[30] += 2;
    for (const auto& [token, count] : times) {
      want[token] *= want[token] > 0 ? 1 / 1.3 : 1.3;
      want[token] -= 0.4 * count - 0.7;
    }
    DrawRule with_ahead = rule;
    with_ahead.n_ahead = static_cast<uint32_t>(ahead.size());
    const Outcome outcome = compute(logits, {with_ahead}, edits, drawn_before());
    expect_near(outcome.logits, want, {.absolute = 8 * kEpsilon});
    EXPECT_EQ(outcome.sampled[0], std::ranges::max_element(want) - want.begin());
  }
}

TEST_F(DrawTest, AForbiddenTokenNeverComes) {
  std::vector<float> logits(100, 0);
  logits[42] = 30;
  const std::vector<uint32_t> edits{42, std::bit_cast<uint32_t>(-1e30F)};
  DrawRule rule{.drawn_from = DrawnFrom::kMostLikely, .n_biases = 1, .top_k = 64};
  EXPECT_EQ(draw_one(logits, rule, edits), 0U);  // temperature 0
  rule.temperature = 1;
  rule.uniform = 0.999999F;
  EXPECT_EQ(draw_one(logits, rule, edits), 64U);  // the last of the 64 best
}

TEST_F(DrawTest, OnlyOutputsWithARuleAreTouched) {
  const std::vector<float> logits = random_floats(3 * 200, 4);
  const DrawRule drawn{
      .drawn_from = DrawnFrom::kMostLikely, .n_seen = 1, .presence_penalty = 0.5F};  // greedy
  const Outcome outcome = compute(logits, {drawn, {}, drawn}, {7, 1}, drawn_before());
  EXPECT_EQ(outcome.sampled[1], kNan);
  EXPECT_EQ(outcome.slot_tokens, (std::vector{outcome.sampled[2], kNan, outcome.sampled[0]}));
  std::vector<uint32_t> kept = drawn_before();
  kept[2 * kDrawnTokens + 21 % kDrawnTokens] = outcome.sampled[0];
  kept[0 * kDrawnTokens + 23 % kDrawnTokens] = outcome.sampled[2];
  EXPECT_EQ(outcome.drawn_tokens, kept);
  std::vector<float> edited = logits;
  edited[7] -= 0.5F;
  edited[407] -= 0.5F;
  EXPECT_EQ(outcome.logits, edited);
}

}  // namespace
}  // namespace weft::kernels
