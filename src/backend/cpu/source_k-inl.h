// Sources with 256 columns a block and small integer scales inside: Q4_K, Q5_K, Q6_K.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_SOURCE_K_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_SOURCE_K_INL_H_
#undef WEFT_BACKEND_CPU_SOURCE_K_INL_H_
#else
#define WEFT_BACKEND_CPU_SOURCE_K_INL_H_
#endif

#include "backend/cpu/source_q4_q5-inl.h"
#include "formats/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

template <class BlockT, bool kFifthBit>
struct SourceQ4Q5K {
  using Block = BlockT;
  static constexpr size_t kLoads = 8;
  static constexpr size_t kRuns = 2;
  static constexpr size_t column(size_t load, size_t run) {
    return load / 2 * 64 + run * 32 + load % 2 * 16;
  }

  static HWY_INLINE Runs<2> load(const TileRows& rows, size_t row, size_t load) {
    Runs<2> runs = split_nibbles(load_16_bytes(rows, row, offsetof(Block, qs) + load * 16));
    if constexpr (kFifthBit) {
      const hn::Repartition<uint16_t, D8> d16;
      const V8 mask = hn::Set(D8(), 16);
      const V8 bytes = load_16_bytes(rows, row, offsetof(Block, qh) + load % 2 * 16);
      for (size_t run = 0; run < 2; ++run) {  // bit 2 * (load / 2) + run becomes bit 4
        const auto up = hn::ShiftLeft<4>(hn::BitCast(d16, hn::And(bytes, hn::Set(D8(), 15))));
        const auto low_groups = load < 4 ? up : hn::BitCast(d16, bytes);
        const auto shift = static_cast<int>((2 * (load / 2) + run) % 4);
        const V8 fifth = hn::BitCast(D8(), hn::ShiftRightSame(low_groups, shift));
        runs.v[run] = hn::Or(runs.v[run], hn::And(fifth, mask));
      }
    }
    return runs;
  }
};

using SourceQ4_K = SourceQ4Q5K<formats::BlockQ4_K, false>;
using SourceQ5_K = SourceQ4Q5K<formats::BlockQ5_K, true>;

struct SourceQ6_K {
  using Block = formats::BlockQ6_K;
  static constexpr size_t kLoads = 8;  // (half of the block, 32 of its 64 bytes, 16 of those)
  static constexpr size_t kRuns = 2;
  static constexpr size_t column(size_t load, size_t run) {
    return load / 4 * 128 + run * 64 + load % 4 * 16;
  }

  static HWY_INLINE Runs<2> load(const TileRows& rows, size_t row, size_t load) {
    const hn::Repartition<uint16_t, D8> d16;
    const V8 mask = hn::Set(D8(), 48);
    Runs<2> runs = split_nibbles(load_16_bytes(rows, row, offsetof(Block, ql) + load * 16));
    const size_t high_byte = offsetof(Block, qh) + load / 4 * 32 + load % 2 * 16;
    const auto high = hn::BitCast(d16, load_16_bytes(rows, row, high_byte));
    // Bits 2 * (32-column run within 128) of a byte become bits 4 and 5.
    const bool second = load % 4 / 2 != 0;
    const auto low_run = second ? hn::ShiftLeft<2>(high) : hn::ShiftLeft<4>(high);
    const auto high_run = second ? hn::ShiftRight<2>(high) : high;
    runs.v[0] = hn::Or(runs.v[0], hn::And(hn::BitCast(D8(), low_run), mask));
    runs.v[1] = hn::Or(runs.v[1], hn::And(hn::BitCast(D8(), high_run), mask));
    return runs;
  }
};

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
