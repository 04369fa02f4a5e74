#include "sample/most_likely.h"

#include <algorithm>

#include "base/checked.h"

namespace weft::sample {

Token most_likely(std::span<const float> logits) {
  return narrow<Token>(std::ranges::max_element(logits) - logits.begin());
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
