// Products of packed quantised weights and quantised activations.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/packed_blocks.h"
#include "backend/cpu/quantize_row.h"

namespace weft::backend {

// Activations of `rows` rows: the block of row r and group g of 32 columns is data[g * stride + r].
struct QuantizedActivations {
  const ActivationBlock* data;
  size_t stride;
  uint32_t rows;
};

// What multiplies. The result's bits are the same.
enum class Unit : uint8_t {
  kVectors,
  kAmx,  // only where amx::available(); an instruction set below AVX3_DL uses its vectors
};
[[nodiscard]] Unit fastest_unit(uint32_t rows);  // of activations

// out[r * kTileRows + i] = row i of the tile . row r of x. `out` is aligned to 64 bytes.
// An element is the sum over groups of 32 columns, in order, of exact integer products times the
// scales, so its bits do not depend on the other rows of x.
void multiply_quantized(const PackedTile& tile, const QuantizedActivations& x, Unit unit,
                        float* out);

}  // namespace weft::backend
