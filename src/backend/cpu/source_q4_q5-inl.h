// Sources with 32 columns a block in four or five bits: Q4_0, Q4_1, Q5_0, Q5_1.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_SOURCE_Q4_Q5_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_SOURCE_Q4_Q5_INL_H_
#undef WEFT_BACKEND_CPU_SOURCE_Q4_Q5_INL_H_
#else
#define WEFT_BACKEND_CPU_SOURCE_Q4_Q5_INL_H_
#endif

#include "backend/cpu/tile_rows-inl.h"
#include "formats/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// A source, as pack_weights.cpp reads it, is
//   Block                 what a row is an array of
//   kLoads, kRuns         a load of 16 bytes a row gives kRuns runs of 16 columns
//   column(load, run)     the first column of a run within the block
//   load(rows, row, load) the runs of rows row, row + 4, ... as unsigned bytes

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

template <class BlockT, bool kFifthBit>
struct SourceQ4Q5 {
  using Block = BlockT;
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
};

using SourceQ4_0 = SourceQ4Q5<formats::BlockQ4_0, false>;
using SourceQ4_1 = SourceQ4Q5<formats::BlockQ4_1, false>;
using SourceQ5_0 = SourceQ4Q5<formats::BlockQ5_0, true>;
using SourceQ5_1 = SourceQ4Q5<formats::BlockQ5_1, true>;

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
