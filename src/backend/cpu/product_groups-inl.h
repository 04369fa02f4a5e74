// What products of packed quantised weights do with a group of 32 columns, whatever multiplies.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_PRODUCT_GROUPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_PRODUCT_GROUPS_INL_H_
#undef WEFT_BACKEND_CPU_PRODUCT_GROUPS_INL_H_
#else
#define WEFT_BACKEND_CPU_PRODUCT_GROUPS_INL_H_
#endif

#include <cstring>

#include "backend/cpu/packed_quants-inl.h"
#include "backend/cpu/quantize_row.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// Vectors of rows that share what is loaded of activations: weights of one take eight registers.
constexpr size_t kVectors = kLanes == 16 ? 2 : 1;

// What the sums of kVectors * kLanes rows are multiplied with. A group falls into kRuns runs of
// columns with scales of their own.
template <class Packed>
struct GroupScales {
  using Reader = ScaleReader<decltype(Packed::scales)>;
  static constexpr size_t kRuns = Reader::kScaleRuns;
  VF scales[kVectors][kRuns];
  VF mins[kVectors];
};

// Four neighbouring quants in each lane.
HWY_INLINE VI broadcast_quad(const int8_t* quants) {
  int32_t four;
  std::memcpy(&four, quants, sizeof four);
  return hn::Set(DI(), four);
}

template <class Packed>
struct Group {
  VU quads[kVectors][8];
  GroupScales<Packed> scales;
};

template <class Packed>
HWY_INLINE void load_group(const Packed& block, size_t group, size_t row, Group<Packed>& out) {
  using Reader = typename GroupScales<Packed>::Reader;
  for (size_t v = 0; v < kVectors; ++v) {
    const size_t first = row + v * kLanes;
    unpack(block.quants[group], first, out.quads[v]);
    for (size_t run = 0; run < GroupScales<Packed>::kRuns; ++run) {
      out.scales.scales[v][run] = Reader::scale(block.scales, group, run, first);
    }
    if constexpr (Reader::kHasMins) out.scales.mins[v] = Reader::min(block.scales, group, first);
  }
}

// Asks for the group that is read 16 KiB later: far enough ahead to hide the memory's latency, near
// enough to stay in a second-level cache; and for the next one, which is there, to the first level.
// A few lines at a time, between products, as a processor can wait for few at once.
template <class Packed>
class Prefetch {
 public:
  HWY_INLINE Prefetch(const Packed& block, size_t group)
      : next_(reinterpret_cast<const char*>(&block.quants[group]) + kGroupBytes),
        end_(next_ + kGroupBytes) {}

  HWY_INLINE void some() {
    for (size_t i = 0; i < 8 && next_ < end_; ++i) one();
  }
  HWY_INLINE void rest() {
    while (next_ < end_) one();
  }

 private:
  static constexpr size_t kGroupBytes = sizeof(Packed) / Packed::kGroups;
  HWY_INLINE void one() {
    __builtin_prefetch(next_, 0, 3);
    __builtin_prefetch(next_ + 16 * 1024, 0, 2);
    next_ += 64;
  }

  const char* next_;
  const char* end_;
};

// *to += the scales of run `run` * (the sum of products with row x of activations), for vector v;
// once for each run, in order. Every path ends here, so all give the same bits.
template <class Packed>
HWY_INLINE void accumulate(const GroupScales<Packed>& w, size_t run, size_t v,
                           const ActivationBlock& x, VI sum, float* to) {
  constexpr size_t kRuns = GroupScales<Packed>::kRuns;
  const DF df;
  if constexpr (Packed::kOffset != 0) {
    const int32_t x_sum = kRuns == 1 ? x.sums[0] + x.sums[1] : x.sums[run];
    sum = hn::Sub(sum, hn::Set(DI(), Packed::kOffset * x_sum));
  }
  const VF scale = hn::Mul(w.scales[v][run], hn::Set(df, x.scale));
  VF total = hn::MulAdd(scale, hn::ConvertTo(df, sum), hn::Load(df, to));
  if constexpr (GroupScales<Packed>::Reader::kHasMins) {
    static_assert(kRuns == 1);
    total = hn::MulAdd(w.mins[v], hn::Set(df, x.sum), total);
  }
  hn::Store(total, df, to);
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
