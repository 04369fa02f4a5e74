#include "sample/stages.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace weft::sample {
namespace {

float best_logit(const std::vector<Candidate>& candidates) {
  return std::ranges::max(candidates, {}, &Candidate::logit).logit;
}

// Where even the best logit is infinite, those that equal it share all.
double weight(float logit, float best, double temperature) {
  return logit == best ? 1 : std::exp((double{logit} - best) / temperature);
}

}  // namespace

Weights weights(const std::vector<Candidate>& candidates, double temperature) {
  const float best = best_logit(candidates);
  Weights out;
  out.of.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    out.of.push_back(weight(candidate.logit, best, temperature));
    out.sum += out.of.back();
  }
  return out;
}

void keep_top_k(std::vector<Candidate>& candidates, uint32_t k) {
  const auto end =
      candidates.begin() + static_cast<ptrdiff_t>(std::min<size_t>(k, candidates.size()));
  // Selecting first is what makes this linear in the vocabulary.
  if (end != candidates.end()) std::nth_element(candidates.begin(), end, candidates.end(), better);
  std::sort(candidates.begin(), end, better);
  candidates.erase(end, candidates.end());
}

void keep_top_p(std::vector<Candidate>& candidates, float p) {
  const double sum = weights(candidates, 1).sum;
  const float best = best_logit(candidates);
  double kept = 0;
  size_t n = 0;
  // Most often few are kept, of very many: sort only as far as needed.
  for (size_t sorted = 0; n < candidates.size() && (n == 0 || kept < p * sum); ++n) {
    if (n == sorted) {
      sorted = std::min(candidates.size(), 2 * sorted + 128);
      std::partial_sort(candidates.begin() + static_cast<ptrdiff_t>(n),
                        candidates.begin() + static_cast<ptrdiff_t>(sorted), candidates.end(),
                        better);
    }
    kept += weight(candidates[n].logit, best, 1);
  }
  candidates.resize(n);
}

void keep_min_p(std::vector<Candidate>& candidates, float min_p) {
  const float least = best_logit(candidates) + std::log(min_p);
  std::erase_if(candidates, [least](const Candidate& c) { return c.logit < least; });
}

void keep_typical(std::vector<Candidate>& candidates, float p) {
  const Weights w = weights(candidates, 1);
  double entropy = 0;
  for (const double weight : w.of) {
    const double probability = weight / w.sum;
    if (probability > 0) entropy -= probability * std::log(probability);
  }
  std::vector<double> distance(candidates.size());
  std::ranges::transform(w.of, distance.begin(), [&](double weight) {
    return std::abs(-std::log(weight / w.sum) - entropy);
  });
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    if (distance[a] != distance[b]) return distance[a] < distance[b];
    return better(candidates[a], candidates[b]);
  });
  std::vector<Candidate> kept;
  double sum = 0;
  for (const size_t i : order) {
    if (!kept.empty() && sum >= p * w.sum) break;
    kept.push_back(candidates[i]);
    sum += w.of[i];
  }
  candidates = std::move(kept);
}

}  // namespace weft::sample
