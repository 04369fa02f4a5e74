#include "sample/chain.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/check.h"
#include "sample/random.h"
#include "sample/stages.h"

namespace weft::sample {
namespace {

// A broken model's NaN would break sorting too.
float without_nan(float logit) { return std::isnan(logit) ? -HUGE_VALF : logit; }

void list_all(std::span<const float> logits, std::vector<Candidate>& candidates) {
  candidates.resize(logits.size());
  for (Token token = 0; token < logits.size(); ++token) {
    candidates[token] = {.token = token, .logit = without_nan(logits[token])};
  }
}

}  // namespace

Input input_needed(const Params& params, uint32_t max_candidates) {
  if (params.has_penalties() || !params.logit_bias.empty()) return Input::kLogits;
  if (params.temperature == 0) return Input::kGreedy;
  if (params.top_k != 0 && params.top_k <= max_candidates) return Input::kCandidates;
  return Input::kLogits;
}

Token Chain::choose(std::span<const float> logits, std::span<const Token> history) {
  CHECK(!logits.empty());
  list_all(logits, candidates_);
  apply_bias();
  if (params_.has_penalties()) apply_penalties(history);
  return draw(history.size());
}

Token Chain::choose(std::span<const Candidate> best_first, uint64_t position) {
  CHECK(!best_first.empty());
  candidates_.assign(best_first.begin(), best_first.end());
  for (Candidate& candidate : candidates_) candidate.logit = without_nan(candidate.logit);
  return draw(position);
}

// Both work while candidates_[token] is still the token's.
void Chain::apply_bias() {
  for (const LogitBias& bias : params_.logit_bias) {
    if (bias.token < candidates_.size()) candidates_[bias.token].logit += bias.bias;
  }
}

void Chain::apply_penalties(std::span<const Token> history) {
  if (params_.repeat_last_n >= 0) {
    history =
        history.last(std::min<size_t>(history.size(), static_cast<size_t>(params_.repeat_last_n)));
  }
  std::unordered_map<Token, uint32_t> counts;
  for (const Token token : history) ++counts[token];
  for (const auto& [token, count] : counts) {
    CHECK(token < candidates_.size());
    float& logit = candidates_[token].logit;
    logit = logit > 0 ? logit / params_.repeat_penalty : logit * params_.repeat_penalty;
    logit -= static_cast<float>(count) * params_.frequency_penalty + params_.presence_penalty;
  }
}

Token Chain::draw(uint64_t position) {
  if (params_.temperature == 0) return std::ranges::min(candidates_, better).token;
  if (params_.top_k != 0) keep_top_k(candidates_, params_.top_k);
  if (params_.typical_p < 1) keep_typical(candidates_, params_.typical_p);
  if (params_.top_p < 1) keep_top_p(candidates_, params_.top_p);
  if (params_.min_p > 0) keep_min_p(candidates_, params_.min_p);
  const Weights w = weights(candidates_, params_.temperature);
  double left = uniform(seed_, position) * w.sum;
  size_t last_possible = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (w.of[i] == 0) continue;
    if (left < w.of[i]) return candidates_[i].token;
    left -= w.of[i];
    last_possible = i;
  }
  return candidates_[last_possible].token;  // rounding used up what the sum had
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
