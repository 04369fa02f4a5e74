// The most likely tokens of a row of logits. A broken model's NaN is the least likely.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "base/token.h"
#include "sample/candidate.h"

namespace weft::sample {

// NaN would break sorting.
[[nodiscard]] inline float without_nan(float logit) {
  return std::isnan(logit) ? -HUGE_VALF : logit;
}

// The token with the largest logit; of equal ones the first.
[[nodiscard]] Token most_likely(std::span<const float> logits);

// The `count` most likely tokens, or all where there are fewer, in the order of better(). Made for
// few: takes vocab log(count).
[[nodiscard]] std::vector<Candidate> most_likely(std::span<const float> logits, uint32_t count);

}  // namespace weft::sample
