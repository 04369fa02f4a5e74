// Products of weights that are floats, or become floats first, and activations as they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/aligned.h"
#include "backend/cpu/pack_weights.h"
#include "backend/cpu/packed_blocks.h"
#include "formats/tensor_type.h"

namespace weft::backend {

// Types that multiply_floats takes: F32, F16, BF16.
[[nodiscard]] bool is_float(formats::TensorType type);

// `rows` rows, `stride` floats from one to the next.
struct FloatActivations {
  const float* data;
  size_t stride;
  uint32_t rows;
};

// out[r * kTileRows + i] = row i of the tile . row r of x. `out` is aligned to 64 bytes.
// An element is the sum over pieces of kFloatPieceCols columns, in order, of a piece's products
// added one after the other, so its bits do not depend on the other rows of x.
inline constexpr uint32_t kFloatPieceCols = 128;
void multiply_floats(const PackedTile& tile, const FloatActivations& x, float* out);

// Working memory of one thread for types without a packed form, up to `cols` wide.
struct DecodeScratch {
  explicit DecodeScratch(uint32_t cols);
  [[nodiscard]] size_t size_bytes() const { return rows.size_bytes() + tile.size_bytes(); }

  AlignedArray<float> rows;  // [kTileRows, cols]
  AlignedArray<float> tile;  // the same, packed
};

// Rows of any type that formats::dequantize knows as a tile of F32, which lies in `scratch`.
[[nodiscard]] PackedTile decode_tile(const SourceRows& rows, const DecodeScratch& scratch);

}  // namespace weft::backend
