// Products of packed quantised weights and quantised activations.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/packed_blocks.h"
#include "backend/cpu/quantize_row.h"
#include "formats/tensor_type.h"

namespace weft::backend {

// One tile of a packed matrix: kTileRows rows.
struct PackedTile {
  formats::TensorType type;
  const std::byte* data;
  uint32_t cols;
};

// Activations of `rows` rows: the block of row r and group g of 32 columns is data[g * stride + r].
struct QuantizedActivations {
  const ActivationBlock* data;
  size_t stride;
  uint32_t rows;
};

// out[r * kTileRows + i] = row i of the tile . row r of x. `out` is aligned to 64 bytes.
// An element is the sum over groups of 32 columns, in order, of exact integer products times the
// scales, so its bits do not depend on the other rows of x.
void multiply_quantized(const PackedTile& tile, const QuantizedActivations& x, float* out);

}  // namespace weft::backend
