#include "backend/cpu/quantized_product.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/quantized_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/amx_product-inl.h"
#include "backend/cpu/dot_quads-inl.h"
#include "backend/cpu/product_groups-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// sums[r][v] += quads [first, end) . the same quads of kX rows of activations.
template <bool kFullBytes, size_t kX>
HWY_INLINE void dot(const VU (&quads)[kVectors][8], size_t first, size_t end,
                    const int8_t (ActivationBlock::*part)[32], const ActivationBlock* x,
                    VI (&sums)[kX][kVectors]) {
  for (size_t quad = first; quad < end; ++quad) {
    for (size_t r = 0; r < kX; ++r) {
      const VI values = broadcast_quad(x[r].*part + 4 * quad);
      for (size_t v = 0; v < kVectors; ++v) {
        sums[r][v] =
            dot_quads<kFullBytes>(DI(), sums[r][v], hn::BitCast(DI(), quads[v][quad]), values);
      }
    }
  }
}

template <size_t kX>
HWY_INLINE void clear(VI (&sums)[kX][kVectors]) {
  for (auto& row : sums) {
    for (VI& sum : row) sum = hn::Zero(DI());
  }
}

// acc[r * kTileRows + i] += the group's products with the blocks x[r], for r < kX.
template <class Packed, size_t kX>
HWY_INLINE void add_products(const Group<Packed>& w, const ActivationBlock* x, float* acc) {
  constexpr size_t kRuns = GroupScales<Packed>::kRuns;
  constexpr bool kFullBytes = Packed::kOffset == 128;
  for (size_t run = 0; run < kRuns; ++run) {
    const size_t first = run * 8 / kRuns;
    const size_t end = (run + 1) * 8 / kRuns;
    VI sums[kX][kVectors];
    clear(sums);
    dot<kFullBytes>(w.quads, first, end, &ActivationBlock::high, x, sums);
    if constexpr (kX <= 2) {  // few sums: two chains of additions are done sooner than one
      VI low[kX][kVectors];
      clear(low);
      dot<kFullBytes>(w.quads, first, end, &ActivationBlock::low, x, low);
      for (size_t r = 0; r < kX; ++r) {
        for (size_t v = 0; v < kVectors; ++v) {
          sums[r][v] = hn::Add(hn::ShiftLeft<8>(sums[r][v]), low[r][v]);
        }
      }
    } else {
      for (auto& row : sums) {
        for (VI& sum : row) sum = hn::ShiftLeft<8>(sum);
      }
      dot<kFullBytes>(w.quads, first, end, &ActivationBlock::low, x, sums);
    }
    for (size_t r = 0; r < kX; ++r) {
      for (size_t v = 0; v < kVectors; ++v) {
        accumulate(w.scales, run, v, x[r], sums[r][v], acc + r * kTileRows + v * kLanes);
      }
    }
  }
}

template <class Packed>
void multiply_vectors(const std::byte* data, size_t cols, const QuantizedActivations& x,
                      float* out) {
  const auto* block = reinterpret_cast<const Packed*>(data);
  const ActivationBlock* x_group = x.data;
  std::memset(out, 0, x.rows * kTileRows * sizeof(float));
  for (size_t col = 0; col < cols; col += 32 * Packed::kGroups, ++block) {
    for (size_t group = 0; group < Packed::kGroups; ++group, x_group += x.stride) {
      Prefetch<Packed> prefetch(*block, group);
      for (size_t row = 0; row < kTileRows; row += kVectors * kLanes) {
        Group<Packed> w;
        load_group(*block, group, row, w);
        size_t r = 0;
        const auto add = [&]<size_t kX>() HWY_ATTR {
          for (; r + kX <= x.rows; r += kX) {
            prefetch.some();
            add_products<Packed, kX>(w, x_group + r, out + r * kTileRows + row);
          }
        };
        if constexpr (kLanes == 16) add.template operator()<4>();
        add.template operator()<2>();
        add.template operator()<1>();
      }
      prefetch.rest();
    }
  }
}

template <class Packed>
void multiply(const PackedTile& tile, const QuantizedActivations& x, [[maybe_unused]] Unit unit,
              float* out) {
#if HWY_TARGET == HWY_AVX3_DL && defined(__x86_64__)
  if (unit == Unit::kAmx) return multiply_amx<Packed>(tile.data, tile.cols, x, out);
#endif
  multiply_vectors<Packed>(tile.data, tile.cols, x, out);
}

void multiply_tile(const PackedTile& tile, const QuantizedActivations& x, Unit unit, float* out) {
  using enum formats::TensorType;
  switch (tile.type) {
    case kQ4_0:
      return multiply<PackedQ4_0>(tile, x, unit, out);
    case kQ4_1:
      return multiply<PackedQ4_1>(tile, x, unit, out);
    case kQ5_0:
      return multiply<PackedQ5_0>(tile, x, unit, out);
    case kQ5_1:
      return multiply<PackedQ5_1>(tile, x, unit, out);
    case kQ8_0:
      return multiply<PackedQ8_0>(tile, x, unit, out);
    case kQ4_K:
      return multiply<PackedQ4_K>(tile, x, unit, out);
    case kQ5_K:
      return multiply<PackedQ5_K>(tile, x, unit, out);
    case kQ6_K:
      return multiply<PackedQ6_K>(tile, x, unit, out);
    case kIQ4_NL:
      return multiply<PackedIQ4_NL>(tile, x, unit, out);
    case kIQ4_XS:
      return multiply<PackedIQ4_XS>(tile, x, unit, out);
    case kMXFP4:
      return multiply<PackedMXFP4>(tile, x, unit, out);
    default:
      return;
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backend/cpu/amx.h"
#include "backend/cpu/pack_weights.h"
#include "base/check.h"

namespace weft::backend {

HWY_EXPORT(multiply_tile);

Unit fastest_unit(uint32_t rows) {
  constexpr uint32_t kEnoughRows = 12;
  return rows >= kEnoughRows && amx::available() ? Unit::kAmx : Unit::kVectors;
}

void multiply_quantized(const PackedTile& tile, const QuantizedActivations& x, Unit unit,
                        float* out) {
  CHECK(packed_tile_bytes(tile.type, tile.cols) != 0);
  CHECK(unit != Unit::kAmx || amx::available());
  HWY_DYNAMIC_DISPATCH(multiply_tile)(tile, x, unit, out);
}

}  // namespace weft::backend
#endif  // HWY_ONCE
