// Activations as the integer dot products want them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weft::backend {

inline constexpr uint32_t kActivationColumns = 32;

// 32 columns of one row as whole numbers of 16 bits: value = scale * quant, quant = 256 * high +
// low. scale = max|value| / kMaxQuant, rounded to nearest even. (Eight bits would do for speed
// alone, but move a small model's logits by 3 %, a KL divergence of 4e-3; so rounded they move by
// 5e-4, which is what keys and values of binary16 cost.)
struct ActivationBlock {
  static constexpr int32_t kMaxQuant = 127 * 256 + 127;

  float scale;
  float sum;        // scale * (sum of all quants): what a weight's minimum is multiplied by
  int32_t sums[2];  // of the first and the last 16 quants: what a weight's offset is
  int8_t high[32];
  int8_t low[32];
};

// values.size() is a multiple of kActivationColumns; out[i * stride] becomes the block of group i.
void quantize_row(std::span<const float> values, ActivationBlock* out, size_t stride);

}  // namespace weft::backend
