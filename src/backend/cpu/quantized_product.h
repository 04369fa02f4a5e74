// Products of quantised weights, read where they lie, and quantised activations.
#pragma once

#include <cstdint>

#include "backend/cpu/quantize_row.h"
#include "backend/cpu/weight_tile.h"
#include "formats/tensor_type.h"

namespace weft::backend {

// At most kTileRows neighbouring rows of a quantised matrix.
struct QuantizedRows {
  formats::TensorType type;
  const std::byte* data;  // the first row
  uint32_t row_bytes;
  uint32_t rows;  // at least 1
  uint32_t cols;
};

// Types for which multiply_quantized has a kernel.
[[nodiscard]] bool has_quantized_product(formats::TensorType type);

// out[r * kTileRows + i] = weight row i . activation row r, for each r < n_x; lanes beyond
// weights.rows are written too. x: [n_x, cols / kActivationColumns]. `out` is aligned to 64 bytes.
// An element is the sum over blocks of 32 columns, in order, of exact integer products times the
// scales, so its bits depend on neither n_x nor the tile it is in.
void multiply_quantized(const QuantizedRows& weights, const ActivationBlock* x, uint32_t n_x,
                        WeightTile& scratch, float* out);

}  // namespace weft::backend
