#include <algorithm>

#include "kernels/argmax/argmax.h"

namespace weft::kernels {

uint32_t argmax_ref(std::span<const float> logits) {
  return static_cast<uint32_t>(std::ranges::max_element(logits) - logits.begin());
}

}  // namespace weft::kernels
