// Packed weights (packed_blocks.h) in registers.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_PACKED_QUANTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_PACKED_QUANTS_INL_H_
#undef WEFT_BACKEND_CPU_PACKED_QUANTS_INL_H_
#else
#define WEFT_BACKEND_CPU_PACKED_QUANTS_INL_H_
#endif

#include <array>

#include <hwy/highway.h>

#include "backend/cpu/packed_blocks.h"
#include "formats/codebooks.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, 16>;  // lanes are rows of a tile
using DI = hn::Rebind<int32_t, DF>;
using DU = hn::Rebind<uint32_t, DF>;
using VF = hn::Vec<DF>;
using VI = hn::Vec<DI>;
using VU = hn::Vec<DU>;
inline constexpr size_t kLanes = hn::MaxLanes(DF());

HWY_INLINE VU load_bits(const uint32_t* p) { return hn::Load(DU(), p); }
HWY_INLINE VU and_bytes(VU v, uint32_t mask) { return hn::And(v, hn::Set(DU(), mask)); }

// quads[i]: the quants of columns 4 i to 4 i + 3 of the rows from `row` on, one a byte.
HWY_INLINE void unpack_nibbles(const uint32_t (&nibbles)[4][kTileRows], size_t row,
                               VU (&quads)[8]) {
  for (size_t i = 0; i < 4; ++i) {
    const VU both = load_bits(nibbles[i] + row);
    quads[i] = and_bytes(both, 0x0f0f0f0f);
    quads[i + 4] = and_bytes(hn::ShiftRight<4>(both), 0x0f0f0f0f);
  }
}

HWY_INLINE void unpack(const Quants4& q, size_t row, VU (&quads)[8]) {
  unpack_nibbles(q.nibbles, row, quads);
}

HWY_INLINE void unpack(const Quants5& q, size_t row, VU (&quads)[8]) {
  unpack_nibbles(q.nibbles, row, quads);
  const VU fifth = load_bits(q.fifth + row);
  const auto add = [&](size_t i, VU moved)
                       HWY_ATTR { quads[i] = hn::Or(quads[i], and_bytes(moved, 0x10101010)); };
  add(0, hn::ShiftLeft<4>(fifth));
  add(1, hn::ShiftLeft<3>(fifth));
  add(2, hn::ShiftLeft<2>(fifth));
  add(3, hn::ShiftLeft<1>(fifth));
  add(4, fifth);
  add(5, hn::ShiftRight<1>(fifth));
  add(6, hn::ShiftRight<2>(fifth));
  add(7, hn::ShiftRight<3>(fifth));
}

HWY_INLINE void unpack(const Quants6& q, size_t row, VU (&quads)[8]) {
  unpack_nibbles(q.nibbles, row, quads);
  for (size_t half = 0; half < 2; ++half) {
    const VU high = load_bits(q.high[half] + row);
    const auto add = [&](size_t i, VU moved) HWY_ATTR {
      quads[4 * half + i] = hn::Or(quads[4 * half + i], and_bytes(moved, 0x30303030));
    };
    add(0, hn::ShiftLeft<4>(high));
    add(1, hn::ShiftLeft<2>(high));
    add(2, high);
    add(3, hn::ShiftRight<2>(high));
  }
}

HWY_INLINE void unpack(const Quants8& q, size_t row, VU (&quads)[8]) {
  for (size_t i = 0; i < 8; ++i) quads[i] = load_bits(q.quads[i] + row);
}

// The levels plus kOffset, as unsigned bytes.
template <int kOffset>
constexpr std::array<uint8_t, 16> offset_levels(const std::array<int8_t, 16>& levels) {
  std::array<uint8_t, 16> moved{};
  for (size_t i = 0; i < 16; ++i) moved[i] = static_cast<uint8_t>(levels[i] + kOffset);
  return moved;
}

// Numbers of levels become the levels.
HWY_INLINE void look_up(const std::array<uint8_t, 16>& levels, VU (&quads)[8]) {
  const hn::Repartition<uint8_t, DU> d8;
  const auto table = hn::LoadDup128(d8, levels.data());
  for (VU& quad : quads) {
    quad = hn::BitCast(DU(), hn::TableLookupBytes(table, hn::BitCast(d8, quad)));
  }
}

HWY_INLINE void unpack(const QuantsIQ4& q, size_t row, VU (&quads)[8]) {
  alignas(16) static constexpr auto kLevels =
      offset_levels<PackedIQ4_NL::kOffset>(formats::kIQ4Levels);
  unpack_nibbles(q.nibbles, row, quads);
  look_up(kLevels, quads);
}

HWY_INLINE void unpack(const QuantsE2M1& q, size_t row, VU (&quads)[8]) {
  alignas(16) static constexpr auto kLevels =
      offset_levels<PackedMXFP4::kOffset>(formats::kTwiceE2M1);
  unpack_nibbles(q.nibbles, row, quads);
  look_up(kLevels, quads);
}

HWY_INLINE VF load_halves(const uint16_t* bits) {
  const hn::Rebind<uint16_t, DF> du16;
  const hn::Rebind<hwy::float16_t, DF> df16;
  return hn::PromoteTo(DF(), hn::BitCast(df16, hn::Load(du16, bits)));
}

template <class T>
HWY_INLINE VF load_bytes(const T* bytes) {
  return hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::Load(hn::Rebind<T, DI>(), bytes)));
}

// kScaleRuns: into how many runs with scales of their own a group of 32 columns falls.
// scale(., group, run, row) and min(., group, row): of the rows from `row` on.
template <class ScalesT>
struct ScaleReader;

template <>
struct ScaleReader<Scales> {
  static constexpr size_t kScaleRuns = 1;
  static constexpr bool kHasMins = false;
  static HWY_INLINE VF scale(const Scales& s, size_t /*group*/, size_t /*run*/, size_t row) {
    return load_halves(s.d + row);
  }
};

template <>
struct ScaleReader<ScalesMins> {
  static constexpr size_t kScaleRuns = 1;
  static constexpr bool kHasMins = true;
  static HWY_INLINE VF scale(const ScalesMins& s, size_t /*group*/, size_t /*run*/, size_t row) {
    return load_halves(s.d + row);
  }
  static HWY_INLINE VF min(const ScalesMins& s, size_t /*group*/, size_t row) {
    return load_halves(s.m + row);
  }
};

template <>
struct ScaleReader<GroupScalesMins> {
  static constexpr size_t kScaleRuns = 1;
  static constexpr bool kHasMins = true;
  static HWY_INLINE VF scale(const GroupScalesMins& s, size_t group, size_t /*run*/, size_t row) {
    return hn::Mul(load_halves(s.d + row), load_bytes(s.scales[group] + row));
  }
  static HWY_INLINE VF min(const GroupScalesMins& s, size_t group, size_t row) {
    return hn::Neg(hn::Mul(load_halves(s.dmin + row), load_bytes(s.mins[group] + row)));
  }
};

template <>
struct ScaleReader<GroupScales6> {
  static constexpr size_t kScaleRuns = 1;
  static constexpr bool kHasMins = false;
  static HWY_INLINE VF scale(const GroupScales6& s, size_t group, size_t /*run*/, size_t row) {
    return hn::Mul(load_halves(s.d + row), load_bytes(s.scales[group] + row));
  }
};

template <>
struct ScaleReader<PowerScales> {
  static constexpr size_t kScaleRuns = 1;
  static constexpr bool kHasMins = false;
  static HWY_INLINE VF scale(const PowerScales& s, size_t /*group*/, size_t /*run*/, size_t row) {
    const auto upper = hn::PromoteTo(DU(), hn::Load(hn::Rebind<uint16_t, DU>(), s.d + row));
    return hn::BitCast(DF(), hn::ShiftLeft<16>(upper));
  }
};

template <>
struct ScaleReader<HalfGroupScales> {
  static constexpr size_t kScaleRuns = 2;
  static constexpr bool kHasMins = false;
  static HWY_INLINE VF scale(const HalfGroupScales& s, size_t group, size_t run, size_t row) {
    return hn::Mul(load_halves(s.d + row), load_bytes(s.scales[2 * group + run] + row));
  }
};

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
