// Formats with 256 columns a block and small integer scales inside: Q4_K, Q5_K, Q6_K.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_UNPACK_K_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_UNPACK_K_INL_H_
#undef WEFT_BACKEND_CPU_UNPACK_K_INL_H_
#else
#define WEFT_BACKEND_CPU_UNPACK_K_INL_H_
#endif

#include "backend/cpu/unpack_q4_q5-inl.h"
#include "formats/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// kBits bits of each lane, from bit `shift` on.
template <int kBits>
HWY_INLINE VU bits_of(VU v, size_t shift) {
  const VU shifted = hn::ShiftRightSame(v, static_cast<int>(shift));
  return hn::And(shifted, hn::Set(DU(), (1U << kBits) - 1));
}

// The scale and the minimum of group `group` of eight, from the three dwords of packed scales:
// what formats::unpack_scales_mins does, for a row in each lane.
struct ScaleMin {
  VU scale, min;
};
HWY_INLINE ScaleMin unpack_scale_min(VU a, VU b, VU c, size_t group) {
  const size_t shift = 8 * (group % 4);
  if (group < 4) return {bits_of<6>(a, shift), bits_of<6>(b, shift)};
  const VU scale_high = hn::ShiftLeft<4>(bits_of<2>(a, shift + 6));
  const VU min_high = hn::ShiftLeft<4>(bits_of<2>(b, shift + 6));
  return {hn::Or(bits_of<4>(c, shift), scale_high), hn::Or(bits_of<4>(c, shift + 4), min_high)};
}

template <class BlockT, bool kFifthBit>
struct FormatQ4Q5K {
  using Block = BlockT;
  static constexpr size_t kBlockColumns = 256;
  static constexpr size_t kScaleColumns = 32;
  static constexpr int32_t kOffset = 0;
  static constexpr bool kHasMins = true;
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

  static HWY_INLINE void scales(const TileRows& rows, float (*scales)[kTileRows],
                                float (*mins)[kTileRows]) {
    alignas(64) uint32_t header[4][kTileRows];  // d and dmin; then the packed scales
    static_assert(offsetof(Block, d) == 0 && offsetof(Block, scales) == 4);
    load_transposed(rows, 0, header[0]);
    for (size_t row = 0; row < kTileRows; row += kLanes) {
      const VU halves = hn::Load(DU(), header[0] + row);
      const VU a = hn::Load(DU(), header[1] + row);
      const VU b = hn::Load(DU(), header[2] + row);
      const VU c = hn::Load(DU(), header[3] + row);
      const VF d = half_to_float(halves);
      const VF minus_dmin = hn::Neg(half_to_float(hn::ShiftRight<16>(halves)));
      for (size_t group = 0; group < 8; ++group) {
        const auto [scale, min] = unpack_scale_min(a, b, c, group);
        hn::Store(hn::Mul(d, to_float(scale)), DF(), scales[group] + row);
        hn::Store(hn::Mul(minus_dmin, to_float(min)), DF(), mins[group] + row);
      }
    }
  }
};

using FormatQ4_K = FormatQ4Q5K<formats::BlockQ4_K, false>;
using FormatQ5_K = FormatQ4Q5K<formats::BlockQ5_K, true>;

struct FormatQ6_K {
  using Block = formats::BlockQ6_K;
  static constexpr size_t kBlockColumns = 256;
  static constexpr size_t kScaleColumns = 16;
  static constexpr int32_t kOffset = 32;
  static constexpr bool kHasMins = false;
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

  static HWY_INLINE void scales(const TileRows& rows, float (*scales)[kTileRows],
                                float (* /*mins*/)[kTileRows]) {
    alignas(64) uint32_t packed[4][kTileRows];  // four signed scales in each
    load_transposed(rows, offsetof(Block, scales), packed[0]);
    for (size_t row = 0; row < kTileRows; row += kLanes) {
      const VU last_dword = load_dwords(rows, row, offsetof(Block, d) - 2);
      const VF d = half_to_float(hn::ShiftRight<16>(last_dword));
      for (size_t group = 0; group < 16; ++group) {
        const VI four = hn::BitCast(DI(), hn::Load(DU(), packed[group / 4] + row));
        const VI scale =
            hn::ShiftRight<24>(hn::ShiftLeftSame(four, static_cast<int>(24 - 8 * (group % 4))));
        hn::Store(hn::Mul(d, hn::ConvertTo(DF(), scale)), DF(), scales[group] + row);
      }
    }
  }
};

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
