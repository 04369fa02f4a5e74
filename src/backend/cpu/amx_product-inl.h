// Products of packed quantised weights on the AMX unit; quantized_product.cpp includes it.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_AMX_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_AMX_PRODUCT_INL_H_
#undef WEFT_BACKEND_CPU_AMX_PRODUCT_INL_H_
#else
#define WEFT_BACKEND_CPU_AMX_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "backend/cpu/amx.h"
#include "backend/cpu/product_groups-inl.h"
#include "backend/cpu/quantized_product.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3_DL

// Exact sums of up to 16 rows of activations, in both parts, and a vector of a tile's rows.
struct AmxSums {
  alignas(64) int32_t high[amx::kTileRegisterRows][kLanes];
  alignas(64) int32_t low[amx::kTileRegisterRows][kLanes];
};

// What such sums are added to.
template <class Packed>
struct AmxTarget {
  const GroupScales<Packed>* scales = nullptr;  // null: nothing
  size_t run;
  const ActivationBlock* x;
  size_t first, end;  // rows of x that count
  float* out;         // of row 0 of x
};

template <class Packed>
HWY_INLINE void add_sums(const AmxSums& sums, size_t v, AmxTarget<Packed> to) {
  if (to.scales == nullptr) return;
  const GroupScales<Packed> scales = *to.scales;
  float* out = to.out + to.first * kTileRows + v * kLanes;
  const auto add = [&](size_t r) HWY_ATTR {
    const VI high = hn::Load(DI(), sums.high[r]);
    const VI sum = hn::Add(hn::ShiftLeft<8>(high), hn::Load(DI(), sums.low[r]));
    accumulate(scales, to.run, v, to.x[r], sum, out);
    out += kTileRows;
  };
  size_t r = to.first;
  for (; r + 4 <= to.end; r += 4) {
    add(r);
    add(r + 1);
    add(r + 2);
    add(r + 3);
  }
  for (; r < to.end; ++r) add(r);
}

// Products go through three stages, so that the unit and the vectors work side by side: while one
// is multiplied, sums of the one before are stored, and those of the one before that are added up.
// Vectors 0 and 1 of a tile's rows take turns. Tile registers: 2 v and 2 v + 1 sums of (high, low),
// 4 and 5 activations, 6 + v weights. (The sums of both vectors lie in 4 KiB, as loads would wait
// for stores whose addresses have the same last 12 bits.)
template <class Packed>
class AmxPipeline {
 public:
  // Activations of the next products.
  HWY_INLINE void load_rows(const ActivationBlock* x, size_t run) {
    constexpr size_t kColumns = 32 / GroupScales<Packed>::kRuns;
    // What comes next lies behind these rows: of the same group, or of the next one.
    const auto* ahead = reinterpret_cast<const char*>(x + 2 * amx::kTileRegisterRows);
    for (size_t i = 0; i < amx::kTileRegisterRows * sizeof(ActivationBlock); i += 64) {
      __builtin_prefetch(ahead + i, 0, 3);
    }
    amx::load<4>(x->high + run * kColumns, sizeof(ActivationBlock));
    amx::load<5>(x->low + run * kColumns, sizeof(ActivationBlock));
  }

  template <int kVector>
  HWY_INLINE void multiply(const AmxTarget<Packed>& to) {
    amx::clear<2 * kVector>();
    amx::clear<2 * kVector + 1>();
    amx::multiply_add<2 * kVector, 4, 6 + kVector>();
    amx::multiply_add<2 * kVector + 1, 5, 6 + kVector>();
    store<1 - kVector>();
    add_sums(sums_[kVector], kVector, to_[kVector]);
    to_[kVector] = to;
  }

  // After the last vector 1.
  HWY_INLINE void finish() {
    store<1>();
    add_sums(sums_[0], 0, to_[0]);
    add_sums(sums_[1], 1, to_[1]);
  }

 private:
  template <int kVector>
  HWY_INLINE void store() {
    amx::store<2 * kVector>(sums_[kVector].high[0], sizeof sums_[kVector].high[0]);
    amx::store<2 * kVector + 1>(sums_[kVector].low[0], sizeof sums_[kVector].low[0]);
  }

  AmxSums sums_[kVectors];
  AmxTarget<Packed> to_[kVectors];
};

template <class Packed>
amx::Shapes amx_shapes(uint32_t rows) {
  constexpr uint32_t kQuads = 8 / GroupScales<Packed>::kRuns;
  amx::Shapes shapes;
  for (size_t tile = 0; tile < 4; ++tile) shapes.set(tile, rows, 64);
  for (size_t tile = 4; tile < 6; ++tile) shapes.set(tile, rows, 4 * kQuads);
  for (size_t tile = 6; tile < 8; ++tile) shapes.set(tile, kQuads, 64);
  return shapes;
}

// As multiply_vectors() of quantized_product.cpp, and the same bits.
template <class Packed>
void multiply_amx(const std::byte* data, size_t cols, const QuantizedActivations& x, float* out) {
  constexpr size_t kRuns = GroupScales<Packed>::kRuns;
  const uint32_t at_once = std::min(x.rows, amx::kTileRegisterRows);
  amx::begin(amx_shapes<Packed>(at_once));
  std::memset(out, 0, x.rows * kTileRows * sizeof(float));
  alignas(64) uint32_t quads[kVectors][8][kLanes];
  GroupScales<Packed> scales[2];  // in turn from group to group
  size_t turn = 0;
  AmxPipeline<Packed> pipeline;
  const auto* block = reinterpret_cast<const Packed*>(data);
  const ActivationBlock* x_group = x.data;
  for (size_t col = 0; col < cols; col += 32 * Packed::kGroups, ++block) {
    for (size_t group = 0; group < Packed::kGroups; ++group, x_group += x.stride, turn ^= 1) {
      Prefetch<Packed> prefetch(*block, group);
      Group<Packed> w;
      load_group(*block, group, 0, w);
      for (size_t v = 0; v < kVectors; ++v) {
        for (size_t i = 0; i < 8; ++i) hn::Store(w.quads[v][i], DU(), quads[v][i]);
      }
      scales[turn] = w.scales;
      for (size_t run = 0; run < kRuns; ++run) {
        amx::load<6>(quads[0][run * 8 / kRuns], sizeof quads[0][0]);
        amx::load<7>(quads[1][run * 8 / kRuns], sizeof quads[0][0]);
        for (uint32_t row = 0; row < x.rows; row += at_once) {
          const uint32_t from = std::min(row, x.rows - at_once);  // the last ones may overlap
          prefetch.some();
          pipeline.load_rows(x_group + from, run);
          const AmxTarget<Packed> to{.scales = &scales[turn],
                                     .run = run,
                                     .x = x_group + from,
                                     .first = row - from,
                                     .end = at_once,
                                     .out = out + from * kTileRows};
          pipeline.template multiply<0>(to);
          pipeline.template multiply<1>(to);
        }
      }
      prefetch.rest();
    }
  }
  pipeline.finish();
  amx::end();
}

#endif  // HWY_AVX3_DL

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
