#include <algorithm>
#include <functional>

#include "kernels/top_k/top_k.h"

namespace weft::kernels {

std::vector<Candidate> top_k_ref(std::span<const float> logits) {
  std::vector<Candidate> all;
  for (const float logit : logits) all.push_back({static_cast<uint32_t>(all.size()), logit});
  std::ranges::stable_sort(all, std::greater{}, &Candidate::logit);
  all.resize(std::min<size_t>(all.size(), kTopK));
  return all;
}

}  // namespace weft::kernels
