// Matrices as their product reads them: tiles of 32 rows side by side, each an array of blocks
// along the columns. What a row has one of lies beside its neighbours', so a vector lane is a row,
// and sums need no reduction across lanes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/tensor_type.h"

namespace weft::backend {

inline constexpr uint32_t kTileRows = 32;

// One tile of a packed matrix.
struct PackedTile {
  formats::TensorType type;
  const std::byte* data;
  uint32_t cols;
};

// Floats stay as they are in the file: a block is one column.
template <class T>
struct FloatColumn {
  T values[kTileRows];
};

// Quants of a group of 32 columns, unsigned. A row has a dword in each array; its byte b belongs to
// the columns 4 i + b.
struct Quants4 {
  uint32_t nibbles[4][kTileRows];  // low four bits: columns 4 i + b; high four: 16 + 4 i + b
};
struct Quants5 {
  uint32_t nibbles[4][kTileRows];
  uint32_t fifth[kTileRows];  // bit i of byte b: the fifth bit of column 4 i + b
};
struct Quants6 {
  uint32_t nibbles[4][kTileRows];
  uint32_t high[2][kTileRows];  // bits 2 i, 2 i + 1 of byte b: the upper two of 16 h + 4 i + b
};
// Numbers of levels (formats/codebooks.h); what is multiplied is the level plus the offset.
struct QuantsIQ4 : Quants4 {};
struct QuantsE2M1 : Quants4 {};
struct Quants8 {
  uint32_t quads[8][kTileRows];
};

// Scales of a block. Binary16 is kept as its bits.
struct Scales {  // of 32 columns: d * q
  uint16_t d[kTileRows];
};
struct ScalesMins {  // d * q + m
  uint16_t d[kTileRows];
  uint16_t m[kTileRows];
};
struct GroupScalesMins {  // of 8 groups of 32 columns: d * scale * q - dmin * min
  uint16_t d[kTileRows];
  uint16_t dmin[kTileRows];
  uint8_t scales[8][kTileRows];
  uint8_t mins[8][kTileRows];
};
struct HalfGroupScales {  // of 16 halves of a group: d * scale * q
  uint16_t d[kTileRows];
  int8_t scales[16][kTileRows];
};

struct GroupScales6 {  // of 8 groups of 32 columns: d * scale * q
  uint16_t d[kTileRows];
  int8_t scales[8][kTileRows];
};
struct PowerScales {  // of 32 columns: 2^n * q, 2^n as the upper half of a binary32
  uint16_t d[kTileRows];
};

// kGroups groups of 32 columns. kOffset is subtracted from each quant.
template <class ScalesT, class QuantsT, size_t kGroupsT, int32_t kOffsetT>
struct PackedBlock {
  static constexpr size_t kGroups = kGroupsT;
  static constexpr int32_t kOffset = kOffsetT;

  ScalesT scales;
  QuantsT quants[kGroups];
};

using PackedQ4_0 = PackedBlock<Scales, Quants4, 1, 8>;
using PackedQ4_1 = PackedBlock<ScalesMins, Quants4, 1, 0>;
using PackedQ5_0 = PackedBlock<Scales, Quants5, 1, 16>;
using PackedQ5_1 = PackedBlock<ScalesMins, Quants5, 1, 0>;
using PackedQ8_0 = PackedBlock<Scales, Quants8, 1, 128>;
using PackedQ4_K = PackedBlock<GroupScalesMins, Quants4, 8, 0>;
using PackedQ5_K = PackedBlock<GroupScalesMins, Quants5, 8, 0>;
using PackedQ6_K = PackedBlock<HalfGroupScales, Quants6, 8, 32>;
using PackedIQ4_NL = PackedBlock<Scales, QuantsIQ4, 1, 128>;
using PackedIQ4_XS = PackedBlock<GroupScales6, QuantsIQ4, 8, 128>;
using PackedMXFP4 = PackedBlock<PowerScales, QuantsE2M1, 1, 12>;

}  // namespace weft::backend
