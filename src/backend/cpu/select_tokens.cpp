#include "backend/cpu/select_tokens.h"

#include <algorithm>

#include "base/checked.h"

namespace weft::backend {

Token most_likely(std::span<const float> logits) {
  return narrow<Token>(std::ranges::max_element(logits) - logits.begin());
}

std::vector<sample::Candidate> most_likely(std::span<const float> logits, uint32_t count) {
  std::vector<sample::Candidate> heap;  // its front is the worst that is kept
  heap.reserve(count + 1);
  for (size_t i = 0; i < logits.size(); ++i) {
    const sample::Candidate candidate{.token = static_cast<Token>(i), .logit = logits[i]};
    if (heap.size() == count && !sample::better(candidate, heap.front())) continue;
    heap.push_back(candidate);
    std::ranges::push_heap(heap, sample::better);
    if (heap.size() <= count) continue;
    std::ranges::pop_heap(heap, sample::better);
    heap.pop_back();
  }
  std::ranges::sort_heap(heap, sample::better);
  return heap;
}

}  // namespace weft::backend
