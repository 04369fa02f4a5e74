#include "sample/chain.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/check.h"
#include "sample/most_likely.h"
#include "sample/random.h"
#include "sample/stages.h"

namespace weft::sample {
namespace {

constexpr uint32_t kFew = 1024;  // candidates that are found faster without listing all

void list_all(std::span<const float> logits, std::vector<Candidate>& candidates) {
  candidates.resize(logits.size());
  for (Token token = 0; token < logits.size(); ++token) {
    candidates[token] = {.token = token, .logit = without_nan(logits[token])};
  }
}

// Both work while candidates[token] is still the token's.
void apply_bias(std::span<const LogitBias> biases, std::vector<Candidate>& candidates) {
  for (const LogitBias& bias : biases) {
    if (bias.token < candidates.size()) candidates[bias.token].logit += bias.bias;
  }
}

void apply_penalties(const Params& params, std::span<const Token> seen,
                     std::vector<Candidate>& candidates) {
  std::unordered_map<Token, uint32_t> counts;
  for (const Token token : seen) ++counts[token];
  for (const auto& [token, count] : counts) {
    CHECK(token < candidates.size());
    float& logit = candidates[token].logit;
    logit = logit > 0 ? logit / params.repeat_penalty : logit * params.repeat_penalty;
    logit -= static_cast<float>(count) * params.frequency_penalty + params.presence_penalty;
  }
}

Token choose_from(std::vector<Candidate>& candidates, const Params& params, double uniform) {
  if (params.temperature == 0) return std::ranges::min(candidates, better).token;
  if (params.top_k != 0) keep_top_k(candidates, params.top_k);
  if (params.typical_p < 1) keep_typical(candidates, params.typical_p);
  if (params.top_p < 1) keep_top_p(candidates, params.top_p);
  if (params.min_p > 0) keep_min_p(candidates, params.min_p);
  std::ranges::sort(candidates, {}, &Candidate::token);
  const Weights w = weights(candidates, params.temperature);
  double left = uniform * w.sum;
  size_t last_possible = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (w.of[i] == 0) continue;
    if (left < w.of[i]) return candidates[i].token;
    left -= w.of[i];
    last_possible = i;
  }
  return candidates[last_possible].token;  // rounding used up what the sum had
}

}  // namespace

Chooser chooser_for(const Params& params, const DrawLimits& limits, uint32_t context) {
  uint64_t edits = params.logit_bias.size();
  if (params.has_penalties()) {
    const auto looks_back = static_cast<uint32_t>(params.repeat_last_n);  // -1: the most there are
    edits += std::min(looks_back, context);
  }
  if (edits > limits.max_edits) return Chooser::kHost;
  if (params.temperature == 0) return edits == 0 ? Chooser::kArgmax : Chooser::kDraw;
  const bool ranks_all = params.top_k == 0 || params.top_k > limits.max_typical;
  return params.typical_p < 1 && ranks_all ? Chooser::kHost : Chooser::kDraw;
}

Token choose(std::span<const float> logits, const Draw& draw, std::vector<Candidate>& memory) {
  CHECK(!logits.empty() && draw.n_ahead == 0);
  const Params& params = *draw.params;
  const bool has_edits = !params.logit_bias.empty() || !draw.seen.empty();
  if (!has_edits && params.top_k != 0 && params.top_k <= kFew) {
    memory = most_likely(logits, params.top_k);  // the rest would be dropped first of all
  } else {
    list_all(logits, memory);
    apply_bias(params.logit_bias, memory);
    apply_penalties(params, draw.seen, memory);
  }
  return choose_from(memory, params, draw.uniform);
}

Token Chain::choose(std::span<const float> logits, std::span<const Token> history) {
  return sample::choose(logits, draw(history), candidates_);
}

Draw Chain::draw(std::span<const Token> history, uint32_t n_ahead) const {
  const size_t position = history.size() + n_ahead;
  size_t n_seen = position;
  if (!params_.has_penalties()) {
    n_seen = 0;
  } else if (params_.repeat_last_n >= 0) {
    n_seen = std::min(position, static_cast<size_t>(params_.repeat_last_n));
  }
  const auto ahead_seen = static_cast<uint32_t>(std::min<size_t>(n_ahead, n_seen));
  return {.params = &params_,
          .uniform = uniform(seed_, position),
          .seen = history.last(n_seen - ahead_seen),
          .n_ahead = ahead_seen};
}

Logprobs logprobs(std::span<const float> logits, Token chosen, uint32_t n_top) {
  CHECK(chosen < logits.size());
  std::vector<Candidate> all;
  list_all(logits, all);
  const double best = std::ranges::min(all, better).logit;
  const double log_sum = best + std::log(weights(all, 1).sum);
  const auto logprob = [log_sum](const Candidate& candidate) {
    return Logprob{.token = candidate.token,
                   .logprob = static_cast<float>(candidate.logit - log_sum)};
  };
  Logprobs out{.chosen = logprob(all[chosen]), .top = {}};
  keep_top_k(all, n_top);
  for (const Candidate& candidate : all) out.top.push_back(logprob(candidate));
  return out;
}

}  // namespace weft::sample
