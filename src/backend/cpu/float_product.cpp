#include "backend/cpu/float_product.h"

#include <algorithm>
#include <span>

#include "base/check.h"
#include "formats/dequantize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/float_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr size_t kLanes = hn::MaxLanes(D());

// kLanes weights as floats. The file aligns rows to their elements.
HWY_INLINE V load(const float* p) { return hn::LoadU(D(), p); }
HWY_INLINE V load(const hwy::float16_t* p) {
  return hn::PromoteTo(D(), hn::LoadU(hn::Rebind<hwy::float16_t, D>(), p));
}
HWY_INLINE V load(const hwy::bfloat16_t* p) {
  return hn::PromoteTo(D(), hn::LoadU(hn::Rebind<hwy::bfloat16_t, D>(), p));
}

// The last `n` < kLanes weights, the other lanes zero.
template <class T>
HWY_INLINE V load_n(const T* p, size_t n) {
  alignas(64) T padded[kLanes] = {};
  std::copy_n(p, n, padded);
  return load(padded);
}

// Rows of x and of weights whose sums the registers hold.
constexpr size_t kRowsAtOnce = 4;
constexpr size_t kXAtOnce = kLanes == 16 ? 6 : 2;

// sums[r][i] += the products of columns [0, cols) lane by lane, for kX rows of x and kRows rows of
// weights; columns past the last whole vector count as one with zeros.
template <size_t kRows, size_t kX, class T>
HWY_INLINE void add_products(const T* const* weights, size_t cols, const float* x, size_t x_stride,
                             V (&sums)[kX][kRows]) {
  const auto add = [&](const V(&w)[kRows], const auto& load_x) HWY_ATTR {
    for (size_t r = 0; r < kX; ++r) {
      const V values = load_x(x + r * x_stride);
      for (size_t i = 0; i < kRows; ++i) sums[r][i] = hn::MulAdd(w[i], values, sums[r][i]);
    }
  };
  size_t col = 0;
  for (; col + kLanes <= cols; col += kLanes) {
    V w[kRows];
    for (size_t i = 0; i < kRows; ++i) w[i] = load(weights[i] + col);
    add(w, [col](const float* row) HWY_ATTR { return load(row + col); });
  }
  if (col < cols) {
    V w[kRows];
    for (size_t i = 0; i < kRows; ++i) w[i] = load_n(weights[i] + col, cols - col);
    add(w, [&](const float* row) HWY_ATTR { return load_n(row + col, cols - col); });
  }
}

// A few rows of x: weights go from memory through registers once for each.
template <size_t kRows, class T>
void multiply_few(const T* const* weights, size_t cols, const float* x, size_t x_stride, size_t n_x,
                  float* out) {
  for (size_t r = 0; r < n_x; ++r) {
    V sums[1][kRows];
    for (V& sum : sums[0]) sum = hn::Zero(D());
    add_products<kRows, 1>(weights, cols, x + r * x_stride, x_stride, sums);
    for (size_t i = 0; i < kRows; ++i) {
      out[r * kTileRows + i] = hn::GetLane(hn::SumOfLanes(D(), sums[0][i]));
    }
  }
}

// As add_products with sums in memory, [kX, kTileRows] vectors.
template <size_t kX>
HWY_INLINE void add_to_memory(const float* piece, size_t cols, const float* x, size_t x_stride,
                              float* memory) {
  const float* rows[kRowsAtOnce];
  V sums[kX][kRowsAtOnce];
  for (size_t i = 0; i < kRowsAtOnce; ++i) {
    rows[i] = piece + i * kFloatPieceCols;
    for (size_t r = 0; r < kX; ++r) {
      sums[r][i] = hn::Load(D(), memory + (r * kTileRows + i) * kLanes);
    }
  }
  add_products<kRowsAtOnce, kX>(rows, cols, x, x_stride, sums);
  for (size_t i = 0; i < kRowsAtOnce; ++i) {
    for (size_t r = 0; r < kX; ++r) {
      hn::Store(sums[r][i], D(), memory + (r * kTileRows + i) * kLanes);
    }
  }
}

// Many rows of x: pieces of the weights become floats once, and each is multiplied with all.
template <class T>
void multiply_many(const T* const* weights, size_t rows, size_t cols, const float* x,
                   size_t x_stride, size_t n_x, const FloatScratch& scratch, float* out) {
  float* const sums = scratch.sums.data();
  float* const piece = scratch.piece.data();
  std::fill_n(sums, n_x * kTileRows * kLanes, 0.0F);
  for (size_t first = 0; first < cols; first += kFloatPieceCols) {
    const size_t n = std::min(cols - first, kFloatPieceCols);
    for (size_t i = 0; i < rows; ++i) {
      float* const to = piece + i * kFloatPieceCols;
      for (size_t col = 0; col < n; col += kLanes) {
        const T* from = weights[i] + first + col;
        hn::Store(n - col < kLanes ? load_n(from, n - col) : load(from), D(), to + col);
      }
    }
    size_t r = 0;
    const auto add = [&]<size_t kX>() HWY_ATTR {
      for (; r + kX <= n_x; r += kX) {
        for (size_t i = 0; i < rows; i += kRowsAtOnce) {
          add_to_memory<kX>(piece + i * kFloatPieceCols, n, x + r * x_stride + first, x_stride,
                            sums + (r * kTileRows + i) * kLanes);
        }
      }
    };
    add.template operator()<kXAtOnce>();
    add.template operator()<1>();
  }
  for (size_t r = 0; r < n_x; ++r) {
    for (size_t i = 0; i < rows; ++i) {
      const V sum = hn::Load(D(), sums + (r * kTileRows + i) * kLanes);
      out[r * kTileRows + i] = hn::GetLane(hn::SumOfLanes(D(), sum));
    }
  }
}

template <class T>
void multiply_typed(const FloatRows& w, const float* x, size_t x_stride, size_t n_x,
                    const FloatScratch& scratch, float* out) {
  const T* rows[kTileRows] = {};
  for (size_t i = 0; i < w.rows; ++i) {
    rows[i] = reinterpret_cast<const T*>(w.data + i * w.row_bytes);
  }
  if (n_x >= kXAtOnce) {
    multiply_many(rows, w.rows, w.cols, x, x_stride, n_x, scratch, out);
    return;
  }
  size_t i = 0;
  for (; i + kRowsAtOnce <= w.rows; i += kRowsAtOnce) {
    multiply_few<kRowsAtOnce>(rows + i, w.cols, x, x_stride, n_x, out + i);
  }
  for (; i < w.rows; ++i) multiply_few<1>(rows + i, w.cols, x, x_stride, n_x, out + i);
}

void multiply_in_place(const FloatRows& w, const float* x, size_t x_stride, uint32_t n_x,
                       const FloatScratch& scratch, float* out) {
  using enum formats::TensorType;
  const auto multiply = w.type == kF32   ? multiply_typed<float>
                        : w.type == kF16 ? multiply_typed<hwy::float16_t>
                                         : multiply_typed<hwy::bfloat16_t>;
  multiply(w, x, x_stride, n_x, scratch, out);
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {
namespace {

HWY_EXPORT(multiply_in_place);

constexpr size_t kMaxLanes = 16;

}  // namespace

FloatScratch::FloatScratch(uint32_t decoded_cols)
    : decoded(size_t{kTileRows} * decoded_cols),
      piece(size_t{kTileRows} * kFloatPieceCols),
      sums(size_t{kMaxFloatRows} * kTileRows * kMaxLanes) {}

size_t FloatScratch::size_bytes() const {
  return decoded.size_bytes() + piece.size_bytes() + sums.size_bytes();
}

bool is_float(formats::TensorType type) {
  using enum formats::TensorType;
  return type == kF32 || type == kF16 || type == kBF16;
}

void multiply_float(const FloatRows& weights, const float* x, size_t x_stride, uint32_t n_x,
                    const FloatScratch& scratch, float* out) {
  CHECK(n_x <= kMaxFloatRows && weights.rows <= kTileRows);
  FloatRows in_place = weights;
  if (!is_float(weights.type)) {
    in_place.type = formats::TensorType::kF32;
    in_place.data = reinterpret_cast<const std::byte*>(scratch.decoded.data());
    in_place.row_bytes = weights.cols * sizeof(float);
    for (size_t i = 0; i < weights.rows; ++i) {
      const std::span row(weights.data + i * weights.row_bytes, weights.row_bytes);
      const std::span decoded(scratch.decoded.data() + i * weights.cols, weights.cols);
      CHECK(formats::dequantize(weights.type, row, decoded).has_value());
    }
  }
  HWY_DYNAMIC_DISPATCH(multiply_in_place)(in_place, x, x_stride, n_x, scratch, out);
}

}  // namespace weft::backend
#endif  // HWY_ONCE
