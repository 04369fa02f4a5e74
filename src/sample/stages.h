// The stages of the chain that drop candidates. Each is given at least one, and leaves one; no
// logit is NaN.
#pragma once

#include <cstdint>
#include <vector>

#include "sample/candidate.h"

namespace weft::sample {

// The k best, best first; all of them, best first, where there are fewer.
void keep_top_k(std::vector<Candidate>& candidates, uint32_t k);

// The fewest of the most likely whose probabilities add up to at least p, best first.
void keep_top_p(std::vector<Candidate>& candidates, float p);

// Those at least `min_p` times as likely as the most likely one, in the order they had.
void keep_min_p(std::vector<Candidate>& candidates, float min_p);

// The fewest of the most typical that add up to at least p, most typical first: those whose
// surprise -log(probability) is nearest to the mean surprise (Meister et al., "Locally typical
// sampling").
void keep_typical(std::vector<Candidate>& candidates, float p);

// exp((logit - best logit) / temperature) of each, and their sum.
struct Weights {
  std::vector<double> of;
  double sum = 0;
};
[[nodiscard]] Weights weights(const std::vector<Candidate>& candidates, double temperature);

}  // namespace weft::sample
