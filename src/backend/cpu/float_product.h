// Products of weights that are floats, or become floats first, and activations as they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/aligned.h"
#include "backend/cpu/packed_blocks.h"
#include "formats/tensor_type.h"

namespace weft::backend {

// At most kTileRows neighbouring rows of a matrix of any type that formats::dequantize knows.
struct FloatRows {
  formats::TensorType type;
  const std::byte* data;  // the first row
  size_t row_bytes;
  uint32_t rows;
  uint32_t cols;
};

// Rows of x that one call may have.
inline constexpr uint32_t kMaxFloatRows = 64;

// Columns of a tile that become floats at once: as many as the first-level cache holds.
inline constexpr size_t kFloatPieceCols = 256;

// Working memory of one thread.
class FloatScratch {
 public:
  FloatScratch() = default;
  // For types that are read in place, and others up to `decoded_cols` wide.
  explicit FloatScratch(uint32_t decoded_cols);
  [[nodiscard]] size_t size_bytes() const;

  AlignedArray<float> decoded;  // [kTileRows, decoded_cols]: rows of types not read in place
  AlignedArray<float> piece;    // [kTileRows, kFloatPieceCols]
  AlignedArray<float> sums;     // a vector for each element of the result
};

// Types that multiply_float reads in place; others it decodes first.
[[nodiscard]] bool is_float(formats::TensorType type);

// out[r * kTileRows + i] = weight row i . x row r, for r < n_x and i < weights.rows; rows of x are
// x_stride floats apart. Sums run over vectors of columns in order, then across the lanes, so an
// element's bits depend on neither n_x nor the tile it is in.
void multiply_float(const FloatRows& weights, const float* x, size_t x_stride, uint32_t n_x,
                    const FloatScratch& scratch, float* out);

}  // namespace weft::backend
