// 16 rows of a quantised matrix times rows of quantised activations.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_TILE_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_TILE_PRODUCT_INL_H_
#undef WEFT_BACKEND_CPU_TILE_PRODUCT_INL_H_
#else
#define WEFT_BACKEND_CPU_TILE_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "backend/cpu/dot_quads-inl.h"
#include "backend/cpu/quantize_row.h"
#include "backend/cpu/tile_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// Asks for the lines of [at, at + kBytes) to come to the second-level cache, past the few misses
// that the first level can have open. Hardware would follow few of the tile's 16 rows.
template <size_t kBytes>
HWY_INLINE void read_ahead(const uint8_t* at) {
  for (size_t byte = 0; byte < kBytes; byte += 64) __builtin_prefetch(at + byte, 0, 2);
}

// One block of each row, to columns [col, col + kBlockColumns) of the tile.
template <class Format>
HWY_INLINE void unpack_block(const TileRows& rows, size_t col, WeightTile& tile) {
  constexpr size_t kRuns = Format::kRuns;
  for (size_t first = 0; first < kTileRows; first += kLanes) {
    for (size_t load = 0; load < Format::kLoads; ++load) {
      V8 v[kRuns][4];
      for (size_t i = 0; i < 4; ++i) {
        const auto runs = Format::load(rows, first + i, load);
        for (size_t run = 0; run < kRuns; ++run) v[run][i] = runs.v[run];
      }
      for (size_t run = 0; run < kRuns; ++run) {
        const size_t quad = (col + Format::column(load, run)) / 4;
        store_transposed(v[run], tile.quants[quad] + first);
      }
    }
  }
  Format::scales(rows, &tile.scales[col / Format::kScaleColumns],
                 &tile.mins[col / kActivationColumns]);
}

// Four neighbouring quants in each lane.
HWY_INLINE VI broadcast_quad(const int8_t* quants) {
  int32_t four;
  std::memcpy(&four, quants, sizeof four);
  return hn::Set(DI(), four);
}

// acc[r * kTileRows + row] += the products of `groups` times 32 columns of the tile with the blocks
// at x + r * x_stride, for each r < kX. For one element always the same operations in the same
// order, whatever kX is.
template <class Format, size_t kX>
HWY_INLINE void multiply_tile(const WeightTile& tile, size_t groups, const ActivationBlock* x,
                              size_t x_stride, float* acc) {
  constexpr size_t kScales = kActivationColumns / Format::kScaleColumns;
  constexpr size_t kQuads = Format::kScaleColumns / 4;  // columns of a scale, by fours
  constexpr bool kFullBytes = Format::kOffset == 128;
  const DF df;
  const DI di;
  for (size_t row = 0; row < kTileRows; row += kLanes) {
    VF total[kX];
    for (size_t r = 0; r < kX; ++r) total[r] = hn::Load(df, acc + r * kTileRows + row);
    for (size_t group = 0; group < groups; ++group) {
      const ActivationBlock* block = x + group;
      for (size_t s = 0; s < kScales; ++s) {
        VI low[kX];
        VI high[kX];
        for (size_t r = 0; r < kX; ++r) {
          const int32_t* sums = block[r * x_stride].sums;
          low[r] = hn::Set(di, -Format::kOffset * (kScales == 1 ? sums[0] + sums[1] : sums[s]));
          high[r] = hn::Zero(di);
        }
        const uint32_t(*quants)[kTileRows] = tile.quants + (group * kScales + s) * kQuads;
        for (size_t quad = 0; quad < kQuads; ++quad) {
          const VI weights = hn::BitCast(di, hn::Load(DU(), quants[quad] + row));
          const size_t col = (s * kQuads + quad) * 4;
          for (size_t r = 0; r < kX; ++r) {
            const ActivationBlock& at = block[r * x_stride];
            low[r] = dot_quads<kFullBytes>(di, low[r], weights, broadcast_quad(at.low + col));
            high[r] = dot_quads<kFullBytes>(di, high[r], weights, broadcast_quad(at.high + col));
          }
        }
        const VF scales = hn::Load(df, tile.scales[group * kScales + s] + row);
        for (size_t r = 0; r < kX; ++r) {
          const VF scale = hn::Mul(scales, hn::Set(df, block[r * x_stride].scale));
          const VI sum = hn::Add(hn::ShiftLeft<8>(high[r]), low[r]);
          total[r] = hn::MulAdd(scale, hn::ConvertTo(df, sum), total[r]);
        }
      }
      if constexpr (Format::kHasMins) {
        const VF mins = hn::Load(df, tile.mins[group] + row);
        for (size_t r = 0; r < kX; ++r) {
          total[r] = hn::MulAdd(mins, hn::Set(df, block[r * x_stride].sum), total[r]);
        }
      }
    }
    for (size_t r = 0; r < kX; ++r) hn::Store(total[r], df, acc + r * kTileRows + row);
  }
}

// acc[r * kTileRows + row] = the product of row `row` of `rows`, of `cols` columns, and activation
// row r of n_x, each of cols / 32 blocks.
template <class Format>
void multiply_rows(const TileRows& first_blocks, size_t cols, const ActivationBlock* x, size_t n_x,
                   WeightTile& tile, float* acc) {
  TileRows rows = first_blocks;
  const size_t x_stride = cols / kActivationColumns;
  std::memset(acc, 0, n_x * kTileRows * sizeof(float));
  for (size_t done = 0; done < cols; done += kTileCols) {
    const size_t piece = std::min<size_t>(cols - done, kTileCols);
    for (size_t col = 0; col < piece; col += Format::kBlockColumns) {
      read_ahead<kTileRows * sizeof(typename Format::Block)>(rows.ahead);
      unpack_block<Format>(rows, col, tile);
      rows.block += sizeof(typename Format::Block);
      rows.ahead += kTileRows * sizeof(typename Format::Block);
    }
    const size_t groups = piece / kActivationColumns;
    const ActivationBlock* piece_x = x + done / kActivationColumns;
    size_t r = 0;
    const auto multiply = [&]<size_t kX>() HWY_ATTR {
      for (; r + kX <= n_x; r += kX) {
        multiply_tile<Format, kX>(tile, groups, piece_x + r * x_stride, x_stride,
                                  acc + r * kTileRows);
      }
    };
    if constexpr (kLanes == kTileRows) multiply.template operator()<8>();  // 32 registers
    multiply.template operator()<4>();
    multiply.template operator()<1>();
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
