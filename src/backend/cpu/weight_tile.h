// A piece of a quantised weight matrix made ready for multiplication, whatever its format: 16 rows
// side by side, one row a vector lane, so that sums need no reduction across lanes.
#pragma once

#include <cstdint>

namespace weft::backend {

inline constexpr uint32_t kTileRows = 16;
inline constexpr uint32_t kTileCols = 1024;  // at most, a multiple of every format's block

// w[row, col] = scales[.][row] * (quant[row, col] - offset) + mins[.][row], where the offset
// belongs to the format, scales are per 32 or per 16 columns and mins per 32.
struct alignas(64) WeightTile {
  uint32_t quants[kTileCols / 4][kTileRows];  // four columns of each row, one a byte
  float scales[kTileCols / 16][kTileRows];
  float mins[kTileCols / 32][kTileRows];
};

}  // namespace weft::backend
