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
constexpr size_t kRowsAtOnce = 4;

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

// out[r * kTileRows + i] for kX rows of x and kRows rows of weights.
template <size_t kRows, size_t kX, class T>
HWY_INLINE void multiply_some(const T* const* weights, size_t cols, const float* x, size_t x_stride,
                              float* out) {
  const D d;
  V sum[kX][kRows];
  for (size_t r = 0; r < kX; ++r) {
    for (size_t i = 0; i < kRows; ++i) sum[r][i] = hn::Zero(d);
  }
  const auto add = [&](const V(&w)[kRows], const auto& load_x) HWY_ATTR {
    for (size_t r = 0; r < kX; ++r) {
      const V values = load_x(x + r * x_stride);
      for (size_t i = 0; i < kRows; ++i) sum[r][i] = hn::MulAdd(w[i], values, sum[r][i]);
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
  for (size_t r = 0; r < kX; ++r) {
    for (size_t i = 0; i < kRows; ++i) {
      out[r * kTileRows + i] = hn::GetLane(hn::SumOfLanes(d, sum[r][i]));
    }
  }
}

template <size_t kRows, class T>
void multiply_rows(const T* const* weights, size_t cols, const float* x, size_t x_stride,
                   size_t n_x, float* out) {
  size_t r = 0;
  for (; r + 4 <= n_x; r += 4) {
    multiply_some<kRows, 4>(weights, cols, x + r * x_stride, x_stride, out + r * kTileRows);
  }
  for (; r < n_x; ++r) {
    multiply_some<kRows, 1>(weights, cols, x + r * x_stride, x_stride, out + r * kTileRows);
  }
}

// Four rows at a time; the rest one by one.
template <class T>
void multiply_typed(const void* data, size_t row_bytes, uint32_t rows, size_t cols, const float* x,
                    size_t x_stride, size_t n_x, float* out) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  for (size_t i = 0; i < rows;) {
    const T* pointers[kRowsAtOnce];
    const size_t n = rows - i < kRowsAtOnce ? 1 : kRowsAtOnce;
    for (size_t k = 0; k < n; ++k) {
      pointers[k] = reinterpret_cast<const T*>(bytes + (i + k) * row_bytes);
    }
    const auto multiply = n == 1 ? multiply_rows<1, T> : multiply_rows<kRowsAtOnce, T>;
    multiply(pointers, cols, x, x_stride, n_x, out + i);
    i += n;
  }
}

void multiply_in_place(const FloatRows& w, const float* x, size_t x_stride, uint32_t n_x,
                       float* out) {
  using enum formats::TensorType;
  const auto multiply = w.type == kF32   ? multiply_typed<float>
                        : w.type == kF16 ? multiply_typed<hwy::float16_t>
                                         : multiply_typed<hwy::bfloat16_t>;
  multiply(w.data, w.row_bytes, w.rows, w.cols, x, x_stride, n_x, out);
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {
namespace {

HWY_EXPORT(multiply_in_place);

bool read_in_place(formats::TensorType type) {
  using enum formats::TensorType;
  return type == kF32 || type == kF16 || type == kBF16;
}

}  // namespace

size_t float_product_scratch(formats::TensorType type, uint32_t cols) {
  return read_in_place(type) ? 0 : size_t{kTileRows} * cols;
}

void multiply_float(const FloatRows& weights, const float* x, size_t x_stride, uint32_t n_x,
                    float* scratch, float* out) {
  FloatRows in_place = weights;
  if (!read_in_place(weights.type)) {
    in_place.type = formats::TensorType::kF32;
    in_place.data = reinterpret_cast<const std::byte*>(scratch);
    in_place.row_bytes = weights.cols * sizeof(float);
    for (size_t i = 0; i < weights.rows; ++i) {
      const std::span row(weights.data + i * weights.row_bytes, weights.row_bytes);
      const std::span decoded(scratch + i * weights.cols, weights.cols);
      CHECK(formats::dequantize(weights.type, row, decoded).has_value());
    }
  }
  HWY_DYNAMIC_DISPATCH(multiply_in_place)(in_place, x, x_stride, n_x, out);
}

}  // namespace weft::backend
#endif  // HWY_ONCE
