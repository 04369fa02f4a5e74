#include <cmath>

#include "kernels/rope_kv/rope_kv.h"

namespace weft::kernels {

std::vector<double> rope_ref(std::span<const float> head, std::span<const float> inv_freq,
                             RopePairs pairs, uint32_t pos, double magnitude) {
  std::vector<double> rotated(head.begin(), head.end());
  for (size_t i = 0; i < inv_freq.size(); ++i) {
    const size_t a = pairs == RopePairs::kHalf ? i : 2 * i;
    const size_t b = pairs == RopePairs::kHalf ? i + inv_freq.size() : 2 * i + 1;
    const double angle = static_cast<double>(pos) * inv_freq[i];
    rotated[a] = magnitude * (head[a] * std::cos(angle) - head[b] * std::sin(angle));
    rotated[b] = magnitude * (head[a] * std::sin(angle) + head[b] * std::cos(angle));
  }
  return rotated;
}

}  // namespace weft::kernels
