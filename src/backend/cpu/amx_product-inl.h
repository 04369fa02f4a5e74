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

// Exact sums of up to 16 rows of activations, in both parts, and the rows of a tile.
struct AmxSums {
  alignas(64) int32_t high[kVectors][amx::kTileRegisterRows][kLanes];
  alignas(64) int32_t low[kVectors][amx::kTileRegisterRows][kLanes];
};

// Tile registers: 0 to 3 sums of (high, low) x vector, 4 and 5 activations, 6 and 7 weights, which
// are loaded.
template <class Packed>
HWY_INLINE void multiply_block(const ActivationBlock* x, size_t run, AmxSums& sums) {
  constexpr size_t kColumns = 32 / GroupScales<Packed>::kRuns;
  // What comes next lies behind these rows: of the same group, or of the next one.
  const auto* ahead = reinterpret_cast<const char*>(x + 2 * amx::kTileRegisterRows);
  for (size_t i = 0; i < amx::kTileRegisterRows * sizeof(ActivationBlock); i += 64) {
    __builtin_prefetch(ahead + i, 0, 3);
  }
  amx::clear<0>();
  amx::clear<1>();
  amx::clear<2>();
  amx::clear<3>();
  amx::load<4>(x->high + run * kColumns, sizeof(ActivationBlock));
  amx::load<5>(x->low + run * kColumns, sizeof(ActivationBlock));
  amx::multiply_add<0, 4, 6>();
  amx::multiply_add<1, 4, 7>();
  amx::multiply_add<2, 5, 6>();
  amx::multiply_add<3, 5, 7>();
  amx::store<0>(sums.high[0], 64);
  amx::store<1>(sums.high[1], 64);
  amx::store<2>(sums.low[0], 64);
  amx::store<3>(sums.low[1], 64);
}

// Brings the sums of rows [first, end) of x to out.
template <class Packed>
HWY_INLINE void add_sums(const AmxSums& sums, const GroupScales<Packed>& scales, size_t run,
                         const ActivationBlock* x, size_t first, size_t end, float* out) {
  for (size_t r = first; r < end; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      const VI high = hn::Load(DI(), sums.high[v][r]);
      const VI sum = hn::Add(hn::ShiftLeft<8>(high), hn::Load(DI(), sums.low[v][r]));
      accumulate(scales, run, v, x[r], sum, out + r * kTileRows + v * kLanes);
    }
  }
}

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
  AmxSums sums[2];  // in turn, so that one is written while the other is read
  size_t turn = 0;
  const auto* block = reinterpret_cast<const Packed*>(data);
  const ActivationBlock* x_group = x.data;
  for (size_t col = 0; col < cols; col += 32 * Packed::kGroups, ++block) {
    for (size_t group = 0; group < Packed::kGroups; ++group, x_group += x.stride) {
      Prefetch<Packed> prefetch(*block, group);
      Group<Packed> w;
      load_group(*block, group, 0, w);
      for (size_t v = 0; v < kVectors; ++v) {
        for (size_t i = 0; i < 8; ++i) hn::Store(w.quads[v][i], DU(), quads[v][i]);
      }
      for (size_t run = 0; run < kRuns; ++run) {
        amx::load<6>(quads[0][run * 8 / kRuns], 64);
        amx::load<7>(quads[1][run * 8 / kRuns], 64);
        for (uint32_t row = 0; row < x.rows; row += at_once) {
          const uint32_t from = std::min(row, x.rows - at_once);  // the last ones may overlap
          prefetch.some();
          multiply_block<Packed>(x_group + from, run, sums[turn]);
          add_sums(sums[turn], w.scales, run, x_group + from, row - from, at_once,
                   out + from * kTileRows);
          turn ^= 1;
        }
      }
      prefetch.rest();
    }
  }
  amx::end();
}

#endif  // HWY_AVX3_DL

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
