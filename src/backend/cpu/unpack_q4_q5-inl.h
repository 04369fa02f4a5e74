// Formats with 32 columns a block in four or five bits: Q4_0, Q4_1, Q5_0, Q5_1.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_UNPACK_Q4_Q5_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_UNPACK_Q4_Q5_INL_H_
#undef WEFT_BACKEND_CPU_UNPACK_Q4_Q5_INL_H_
#else
#define WEFT_BACKEND_CPU_UNPACK_Q4_Q5_INL_H_
#endif

#include "backend/cpu/tile_rows-inl.h"
#include "formats/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// A format, for the tile product (tile_product-inl.h), is
//   Block                 what a row is an array of, kBlockColumns columns each
//   kScaleColumns         16 or 32: columns that share a scale
//   kOffset, kHasMins     see WeightTile; offset 128: quants take all eight bits
//   kLoads, kRuns         a load of 16 bytes a row gives kRuns runs of 16 columns
//   column(load, run)     the first column of a run
//   load(rows, row, load) the runs of rows row, row + 4, ... as unsigned bytes
//   scales(rows, scales, mins)  of one block, [.][kTileRows] each

template <size_t kRuns>
struct Runs {
  V8 v[kRuns];
};

// Bytes' low and high halves.
HWY_INLINE Runs<2> split_nibbles(V8 bytes) {
  const hn::Repartition<uint16_t, D8> d16;
  const V8 mask = hn::Set(D8(), 15);
  const V8 shifted = hn::BitCast(D8(), hn::ShiftRight<4>(hn::BitCast(d16, bytes)));
  return {{hn::And(bytes, mask), hn::And(shifted, mask)}};
}

// 16 where the bit of each byte is set: bits 16 half to 16 half + 15 of the dword at `byte` of each
// row's block, one bit a byte.
HWY_INLINE V8 fifth_bits(const TileRows& rows, size_t row, size_t byte, size_t half) {
  alignas(16) static constexpr uint8_t kByteOf[16] = {0, 0, 0, 0, 0, 0, 0, 0,
                                                      1, 1, 1, 1, 1, 1, 1, 1};
  alignas(16) static constexpr uint8_t kBit[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                                   1, 2, 4, 8, 16, 32, 64, 128};
  const D8 d;
  const V8 spread = hn::Add(hn::LoadDup128(d, kByteOf), hn::Set(d, static_cast<uint8_t>(2 * half)));
  const V8 bit = hn::LoadDup128(d, kBit);
  const V8 bits = hn::TableLookupBytes(load_16_bytes(rows, row, byte), spread);
  return hn::And(hn::VecFromMask(d, hn::Eq(hn::And(bits, bit), bit)), hn::Set(d, 16));
}

template <class BlockT, bool kMins, bool kFifthBit>
struct FormatQ4Q5 {
  using Block = BlockT;
  static constexpr size_t kBlockColumns = 32;
  static constexpr size_t kScaleColumns = 32;
  static constexpr int32_t kOffset = kMins ? 0 : (kFifthBit ? 16 : 8);
  static constexpr bool kHasMins = kMins;
  static constexpr size_t kLoads = 1;
  static constexpr size_t kRuns = 2;
  static constexpr size_t column(size_t /*load*/, size_t run) { return run * 16; }

  static HWY_INLINE Runs<2> load(const TileRows& rows, size_t row, size_t /*load*/) {
    Runs<2> runs = split_nibbles(load_16_bytes(rows, row, offsetof(Block, qs)));
    if constexpr (kFifthBit) {
      for (size_t half = 0; half < 2; ++half) {
        const V8 fifth = fifth_bits(rows, row, offsetof(Block, qh), half);
        runs.v[half] = hn::Or(runs.v[half], fifth);
      }
    }
    return runs;
  }

  static HWY_INLINE void scales(const TileRows& rows, float (*scales)[kTileRows],
                                float (*mins)[kTileRows]) {
    for (size_t row = 0; row < kTileRows; row += kLanes) {
      const VU halves = load_dwords(rows, row, 0);  // d, then m or the first quants
      hn::Store(half_to_float(halves), DF(), scales[0] + row);
      if constexpr (kMins) {
        hn::Store(half_to_float(hn::ShiftRight<16>(halves)), DF(), mins[0] + row);
      }
    }
  }
};

using FormatQ4_0 = FormatQ4Q5<formats::BlockQ4_0, false, false>;
using FormatQ4_1 = FormatQ4Q5<formats::BlockQ4_1, true, false>;
using FormatQ5_0 = FormatQ4Q5<formats::BlockQ5_0, false, true>;
using FormatQ5_1 = FormatQ4Q5<formats::BlockQ5_1, true, true>;

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
