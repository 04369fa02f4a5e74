// Products of weights that are floats, or become floats first, and activations as they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/weight_tile.h"
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

// Floats of scratch that multiply_float needs: none for types it reads in place.
[[nodiscard]] size_t float_product_scratch(formats::TensorType type, uint32_t cols);

// out[r * kTileRows + i] = weight row i . x row r, for r < n_x and i < weights.rows; rows of x are
// x_stride floats apart. Sums run over vectors of columns in order, then across the lanes, so an
// element's bits depend on neither n_x nor the tile it is in.
void multiply_float(const FloatRows& weights, const float* x, size_t x_stride, uint32_t n_x,
                    float* scratch, float* out);

}  // namespace weft::backend
