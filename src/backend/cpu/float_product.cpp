#include "backend/cpu/float_product.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <type_traits>

#include "base/check.h"
#include "base/checked.h"
#include "formats/dequantize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/float_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;  // lanes are rows of a tile
using V = hn::Vec<D>;
constexpr size_t kLanes = hn::MaxLanes(D());

// Vectors of rows of a tile and rows of x whose sums the registers hold.
constexpr size_t kVectors = 2;
constexpr size_t kXAtOnce = kLanes == 16 ? 12 : 6;

// Weights that are asked for before they are needed: far enough to hide the memory's latency, near
// enough to stay in a second-level cache.
constexpr size_t kReadAhead = 16 * 1024;

HWY_INLINE V load(const float* p) { return hn::Load(D(), p); }
HWY_INLINE V load(const hwy::float16_t* p) {
  return hn::PromoteTo(D(), hn::Load(hn::Rebind<hwy::float16_t, D>(), p));
}
HWY_INLINE V load(const hwy::bfloat16_t* p) {
  return hn::PromoteTo(D(), hn::Load(hn::Rebind<hwy::bfloat16_t, D>(), p));
}

// Columns between which lines are asked for.
constexpr size_t kColsAtOnce = 16;

// Asks for weights that are read later, a few lines at a time: a processor that is asked for more
// lines than it can wait for stands still.
class ReadAhead {
 public:
  // All of what lies kReadAhead behind `bytes` bytes at `data`, in `calls` calls of some().
  HWY_INLINE ReadAhead(const void* data, size_t bytes, size_t calls)
      : next_(static_cast<const char*>(data) + kReadAhead),
        end_(next_ + bytes),
        lines_(ceil_div(bytes, calls * kLine)) {}

  HWY_INLINE void some() {
    for (size_t i = 0; i < lines_ && next_ < end_; ++i, next_ += kLine) {
      __builtin_prefetch(next_, 0, 2);
    }
  }

 private:
  static constexpr size_t kLine = 64;
  const char* next_;
  const char* end_;
  size_t lines_;
};

// out[r * kTileRows + i] += the products of columns [0, cols), for kX rows of x and the kVectors *
// kLanes rows of the tile whose first column is at `weights`.
template <size_t kX, class T>
HWY_INLINE void add_products(const T* weights, size_t cols, const float* x, size_t x_stride,
                             ReadAhead& ahead, float* out) {
  const D d;
  V sums[kX][kVectors];
  for (auto& row : sums) {
    for (V& sum : row) sum = hn::Zero(d);
  }
  for (size_t first = 0; first < cols; first += kColsAtOnce) {
    ahead.some();
    for (size_t col = first; col < std::min(cols, first + kColsAtOnce); ++col) {
      V w[kVectors];
      for (size_t v = 0; v < kVectors; ++v) w[v] = load(weights + col * kTileRows + v * kLanes);
      for (size_t r = 0; r < kX; ++r) {
        const V value = hn::Set(d, x[r * x_stride + col]);
        for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(w[v], value, sums[r][v]);
      }
    }
  }
  for (size_t r = 0; r < kX; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      float* const to = out + r * kTileRows + v * kLanes;
      hn::Store(hn::Add(hn::Load(d, to), sums[r][v]), d, to);
    }
  }
}

// The same for the whole tile and all rows of x.
template <class T>
HWY_INLINE void add_piece(const T* weights, size_t cols, const FloatActivations& x,
                          ReadAhead& ahead, float* out) {
  for (size_t row = 0; row < kTileRows; row += kVectors * kLanes) {
    size_t r = 0;
    const auto add = [&]<size_t kX>() HWY_ATTR {
      for (; r + kX <= x.rows; r += kX) {
        add_products<kX>(weights + row, cols, x.data + r * x.stride, x.stride, ahead,
                         out + r * kTileRows + row);
      }
    };
    add.template operator()<kXAtOnce>();
    add.template operator()<4>();
    add.template operator()<1>();
  }
}

template <class T>
void multiply_typed(const PackedTile& tile, const FloatActivations& x, float* out) {
  const auto* weights = reinterpret_cast<const T*>(tile.data);
  alignas(64) float piece[kFloatPieceCols * kTileRows];
  std::memset(out, 0, x.rows * kTileRows * sizeof(float));
  for (size_t first = 0; first < tile.cols; first += kFloatPieceCols) {
    const size_t cols = std::min<size_t>(tile.cols - first, kFloatPieceCols);
    const T* const from = weights + first * kTileRows;
    const FloatActivations part{x.data + first, x.stride, x.rows};
    const size_t groups = std::max<size_t>(1, x.rows / kXAtOnce);
    ReadAhead ahead(from, cols * kTileRows * sizeof(T), groups * ceil_div(cols, kColsAtOnce));
    if (std::is_same_v<T, float> || x.rows <= kXAtOnce) {
      add_piece(from, cols, part, ahead, out);
    } else {  // many rows share what is converted once
      for (size_t i = 0; i < cols * kTileRows; i += kLanes) {
        hn::Store(load(from + i), D(), piece + i);
      }
      add_piece(piece, cols, part, ahead, out);
    }
  }
}

void multiply_floats(const PackedTile& tile, const FloatActivations& x, float* out) {
  using enum formats::TensorType;
  const auto multiply = tile.type == kF32   ? multiply_typed<float>
                        : tile.type == kF16 ? multiply_typed<hwy::float16_t>
                                            : multiply_typed<hwy::bfloat16_t>;
  multiply(tile, x, out);
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {

HWY_EXPORT(multiply_floats);

bool is_float(formats::TensorType type) {
  using enum formats::TensorType;
  return type == kF32 || type == kF16 || type == kBF16;
}

void multiply_floats(const PackedTile& tile, const FloatActivations& x, float* out) {
  CHECK(is_float(tile.type));
  HWY_DYNAMIC_DISPATCH(multiply_floats)(tile, x, out);
}

DecodeScratch::DecodeScratch(uint32_t cols)
    : rows(size_t{kTileRows} * cols), tile(size_t{kTileRows} * cols) {}

PackedTile decode_tile(const SourceRows& rows, const DecodeScratch& scratch) {
  for (uint32_t i = 0; i < rows.rows; ++i) {
    const std::span row(rows.data + i * rows.row_bytes, rows.row_bytes);
    const std::span decoded = scratch.rows.values().subspan(size_t{i} * rows.cols, rows.cols);
    CHECK(formats::dequantize(rows.type, row, decoded).has_value());
  }
  auto* const tile = reinterpret_cast<std::byte*>(scratch.tile.data());
  pack_tile({.type = formats::TensorType::kF32,
             .data = reinterpret_cast<const std::byte*>(scratch.rows.data()),
             .row_bytes = rows.cols * sizeof(float),
             .rows = rows.rows,
             .cols = rows.cols},
            tile);
  return {.type = formats::TensorType::kF32, .data = tile, .cols = rows.cols};
}

}  // namespace weft::backend
#endif  // HWY_ONCE
