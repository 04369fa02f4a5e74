#include "backend/cpu/quantized_product.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/quantized_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/dot_quads-inl.h"
#include "backend/cpu/packed_quants-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// Far enough ahead to hide the memory's latency, near enough to stay in a second-level cache.
constexpr size_t kReadAhead = 16 * 1024;

// Vectors of rows that share what is loaded of activations: weights of one take eight registers.
constexpr size_t kVectors = kLanes == 16 ? 2 : 1;

// A group of 32 columns of kVectors * kLanes rows.
template <class Packed>
struct Group {
  using Reader = ScaleReader<decltype(Packed::scales)>;
  VU quads[kVectors][8];
  VF scales[kVectors][Reader::kScaleRuns];
  VF mins[kVectors];
};

template <class Packed>
HWY_INLINE void load_group(const Packed& block, size_t group, size_t row, Group<Packed>& out) {
  using Reader = typename Group<Packed>::Reader;
  for (size_t v = 0; v < kVectors; ++v) {
    const size_t first = row + v * kLanes;
    unpack(block.quants[group], first, out.quads[v]);
    for (size_t run = 0; run < Reader::kScaleRuns; ++run) {
      out.scales[v][run] = Reader::scale(block.scales, group, run, first);
    }
    if constexpr (Reader::kHasMins) out.mins[v] = Reader::min(block.scales, group, first);
  }
}

// Four neighbouring quants in each lane.
HWY_INLINE VI broadcast_quad(const int8_t* quants) {
  int32_t four;
  std::memcpy(&four, quants, sizeof four);
  return hn::Set(DI(), four);
}

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

// acc[r * kTileRows + i] += the group's products with the blocks x[r], for r < kX. Whatever kX is,
// always the same floating-point operations in the same order.
template <class Packed, size_t kX>
HWY_INLINE void add_products(const Group<Packed>& w, const ActivationBlock* x, float* acc) {
  using Reader = typename Group<Packed>::Reader;
  constexpr size_t kRuns = Reader::kScaleRuns;
  constexpr bool kFullBytes = Packed::kOffset == 128;
  const DF df;
  const DI di;
  VF total[kX][kVectors];
  for (size_t r = 0; r < kX; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      total[r][v] = hn::Load(df, acc + r * kTileRows + v * kLanes);
    }
  }
  for (size_t run = 0; run < kRuns; ++run) {
    const size_t first = run * 8 / kRuns;
    const size_t end = (run + 1) * 8 / kRuns;
    VI sums[kX][kVectors];
    clear(sums);
    dot<kFullBytes>(w.quads, first, end, &ActivationBlock::high, x, sums);
    if constexpr (kX == 1) {  // few sums: two chains of additions are done sooner than one
      VI low[kX][kVectors];
      clear(low);
      dot<kFullBytes>(w.quads, first, end, &ActivationBlock::low, x, low);
      for (size_t v = 0; v < kVectors; ++v) {
        sums[0][v] = hn::Add(hn::ShiftLeft<8>(sums[0][v]), low[0][v]);
      }
    } else {
      for (auto& row : sums) {
        for (VI& sum : row) sum = hn::ShiftLeft<8>(sum);
      }
      dot<kFullBytes>(w.quads, first, end, &ActivationBlock::low, x, sums);
    }
    for (size_t r = 0; r < kX; ++r) {
      const int32_t x_sum = kRuns == 1 ? x[r].sums[0] + x[r].sums[1] : x[r].sums[run];
      const VF x_scale = hn::Set(df, x[r].scale);
      for (size_t v = 0; v < kVectors; ++v) {
        VI sum = sums[r][v];
        if constexpr (Packed::kOffset != 0) {
          sum = hn::Sub(sum, hn::Set(di, Packed::kOffset * x_sum));
        }
        const VF scale = hn::Mul(w.scales[v][run], x_scale);
        total[r][v] = hn::MulAdd(scale, hn::ConvertTo(df, sum), total[r][v]);
      }
    }
  }
  for (size_t r = 0; r < kX; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      if constexpr (Reader::kHasMins) {
        total[r][v] = hn::MulAdd(w.mins[v], hn::Set(df, x[r].sum), total[r][v]);
      }
      hn::Store(total[r][v], df, acc + r * kTileRows + v * kLanes);
    }
  }
}

template <class Packed>
void multiply(const std::byte* data, size_t cols, const QuantizedActivations& x, float* out) {
  const auto* block = reinterpret_cast<const Packed*>(data);
  const ActivationBlock* x_group = x.data;
  std::memset(out, 0, x.rows * kTileRows * sizeof(float));
  for (size_t col = 0; col < cols; col += 32 * Packed::kGroups, ++block) {
    for (size_t group = 0; group < Packed::kGroups; ++group, x_group += x.stride) {
      const auto* ahead = reinterpret_cast<const char*>(&block->quants[group]) + kReadAhead;
      for (size_t i = 0; i < sizeof(Packed) / Packed::kGroups; i += 64) {
        __builtin_prefetch(ahead + i, 0, 2);
      }
      for (size_t row = 0; row < kTileRows; row += kVectors * kLanes) {
        Group<Packed> w;
        load_group(*block, group, row, w);
        size_t r = 0;
        const auto add = [&]<size_t kX>() HWY_ATTR {
          for (; r + kX <= x.rows; r += kX) {
            add_products<Packed, kX>(w, x_group + r, out + r * kTileRows + row);
          }
        };
        if constexpr (kLanes == 16) add.template operator()<4>();
        add.template operator()<2>();
        add.template operator()<1>();
      }
    }
  }
}

void multiply_tile(const PackedTile& tile, const QuantizedActivations& x, float* out) {
  using enum formats::TensorType;
  switch (tile.type) {
    case kQ4_0:
      return multiply<PackedQ4_0>(tile.data, tile.cols, x, out);
    case kQ4_1:
      return multiply<PackedQ4_1>(tile.data, tile.cols, x, out);
    case kQ5_0:
      return multiply<PackedQ5_0>(tile.data, tile.cols, x, out);
    case kQ5_1:
      return multiply<PackedQ5_1>(tile.data, tile.cols, x, out);
    case kQ8_0:
      return multiply<PackedQ8_0>(tile.data, tile.cols, x, out);
    case kQ4_K:
      return multiply<PackedQ4_K>(tile.data, tile.cols, x, out);
    case kQ5_K:
      return multiply<PackedQ5_K>(tile.data, tile.cols, x, out);
    case kQ6_K:
      return multiply<PackedQ6_K>(tile.data, tile.cols, x, out);
    default:
      return;
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backend/cpu/pack_weights.h"
#include "base/check.h"

namespace weft::backend {

HWY_EXPORT(multiply_tile);

void multiply_quantized(const PackedTile& tile, const QuantizedActivations& x, float* out) {
  CHECK(packed_tile_bytes(tile.type, tile.cols) != 0);
  HWY_DYNAMIC_DISPATCH(multiply_tile)(tile, x, out);
}

}  // namespace weft::backend
#endif  // HWY_ONCE
