// Activations as the integer dot products want them.
#pragma once

#include <cstdint>
#include <span>

namespace weft::backend {

inline constexpr uint32_t kQ8Columns = 32;

// 32 columns of one row: value = scale * quant, scale = max|value| / 127, rounded to nearest even.
struct Q8Block {
  float scale;
  float sum;        // scale * (sum of all quants): what a weight's minimum is multiplied by
  int32_t sums[2];  // of the first and the last 16 quants: what a weight's offset is
  int8_t quants[32];
};

// values.size() is a multiple of kQ8Columns; out holds a block for each.
void quantize_row(std::span<const float> values, Q8Block* out);

}  // namespace weft::backend
