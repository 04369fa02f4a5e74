// The most likely tokens of a row of logits.
#pragma once

#include <span>
#include <vector>

#include "base/token.h"
#include "sample/candidate.h"

namespace weft::backend {

// The token with the largest logit; of equal ones the first.
[[nodiscard]] Token most_likely(std::span<const float> logits);

// The `count` most likely tokens, or all where there are fewer, in the order of sample::better().
[[nodiscard]] std::vector<sample::Candidate> most_likely(std::span<const float> logits,
                                                         uint32_t count);

}  // namespace weft::backend
