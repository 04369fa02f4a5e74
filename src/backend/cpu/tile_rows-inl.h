// Reading 32 rows of a quantised matrix side by side.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_TILE_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_TILE_ROWS_INL_H_
#undef WEFT_BACKEND_CPU_TILE_ROWS_INL_H_
#else
#define WEFT_BACKEND_CPU_TILE_ROWS_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include <hwy/highway.h>

#include "backend/cpu/packed_blocks.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DU = hn::CappedTag<uint32_t, 16>;  // lanes are rows of the tile
using D8 = hn::Repartition<uint8_t, DU>;
using VU = hn::Vec<DU>;
using V8 = hn::Vec<D8>;
inline constexpr size_t kLanes = hn::MaxLanes(DU());

// The same block of each row of a tile.
struct TileRows {
  const uint8_t* block;       // of the first row
  size_t offsets[kTileRows];  // from it to each row's, bytes

  [[nodiscard]] HWY_INLINE const uint8_t* at(size_t row, size_t byte) const {
    return block + offsets[row] + byte;
  }
};

// 16 bytes of every fourth row, from `row` on, a row in each 128 bits.
HWY_INLINE V8 load_16_bytes(const TileRows& rows, size_t row, size_t byte) {
  const D8 d;
  if constexpr (kLanes == 4) {
    return hn::LoadU(d, rows.at(row, byte));
  } else {
    const hn::Half<D8> half;
    if constexpr (kLanes == 8) {
      return hn::Combine(d, hn::LoadU(half, rows.at(row + 4, byte)),
                         hn::LoadU(half, rows.at(row, byte)));
    } else {
      const hn::Half<decltype(half)> quarter;
      const auto load = [&](size_t r) HWY_ATTR { return hn::LoadU(quarter, rows.at(r, byte)); };
      return hn::Combine(d, hn::Combine(half, load(row + 12), load(row + 8)),
                         hn::Combine(half, load(row + 4), load(row)));
    }
  }
}

// v[i] holds 16 bytes of rows i, i + 4, ...: out[q * kTileRows + row] becomes dword q of them.
// `out` points at the first row of the part that v belongs to.
HWY_INLINE void store_transposed(const V8 (&v)[4], uint32_t* out) {
  const DU d;
  const hn::Repartition<uint64_t, DU> d64;
  const VU v0 = hn::BitCast(d, v[0]);
  const VU v1 = hn::BitCast(d, v[1]);
  const VU v2 = hn::BitCast(d, v[2]);
  const VU v3 = hn::BitCast(d, v[3]);
  const auto low01 = hn::BitCast(d64, hn::InterleaveLower(d, v0, v1));
  const auto high01 = hn::BitCast(d64, hn::InterleaveUpper(d, v0, v1));
  const auto low23 = hn::BitCast(d64, hn::InterleaveLower(d, v2, v3));
  const auto high23 = hn::BitCast(d64, hn::InterleaveUpper(d, v2, v3));
  hn::Store(hn::BitCast(d, hn::InterleaveLower(d64, low01, low23)), d, out);
  hn::Store(hn::BitCast(d, hn::InterleaveUpper(d64, low01, low23)), d, out + kTileRows);
  hn::Store(hn::BitCast(d, hn::InterleaveLower(d64, high01, high23)), d, out + 2 * kTileRows);
  hn::Store(hn::BitCast(d, hn::InterleaveUpper(d64, high01, high23)), d, out + 3 * kTileRows);
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
