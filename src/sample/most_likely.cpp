#include "sample/most_likely.h"

#include <algorithm>
#include <array>

#include "base/checked.h"

namespace weft::sample {

Token most_likely(std::span<const float> logits) {
  constexpr size_t kLanes = 16;  // largest values of their own, so that a vector holds them
  std::array<float, kLanes> largest;
  largest.fill(-HUGE_VALF);
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float logit = logits[i + lane];
      largest[lane] = logit > largest[lane] ? logit : largest[lane];
    }
  }
  float best = *std::ranges::max_element(largest);
  for (; i < logits.size(); ++i) best = logits[i] > best ? logits[i] : best;
  const auto found = std::ranges::find(logits, best);
  return found == logits.end() ? 0 : narrow<Token>(found - logits.begin());
}

std::vector<Candidate> most_likely(std::span<const float> logits, uint32_t count) {
  std::vector<Candidate> heap;  // its front is the worst that is kept
  heap.reserve(count + 1);
  for (size_t i = 0; i < logits.size(); ++i) {
    const Candidate candidate{.token = static_cast<Token>(i), .logit = without_nan(logits[i])};
    if (heap.size() == count && !better(candidate, heap.front())) continue;
    heap.push_back(candidate);
    std::ranges::push_heap(heap, better);
    if (heap.size() <= count) continue;
    std::ranges::pop_heap(heap, better);
    heap.pop_back();
  }
  std::ranges::sort_heap(heap, better);
  return heap;
}

}  // namespace weft::sample
