#include "backend/cpu/quantized_product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/quantized_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/tile_product-inl.h"
#include "backend/cpu/unpack_k-inl.h"
#include "backend/cpu/unpack_q4_q5-inl.h"
#include "backend/cpu/unpack_q8-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// Rows follow each other, so the tiles a thread reads are one stream of bytes; far enough ahead to
// hide the memory's latency, near enough to stay in a second-level cache.
constexpr size_t kReadAhead = 32 * 1024;

using Multiply = void (*)(const TileRows&, size_t, const ActivationBlock*, size_t, WeightTile&,
                          float*);

// Null where the type has no kernel.
Multiply find_multiply(formats::TensorType type) {
  using enum formats::TensorType;
  switch (type) {
    case kQ4_0:
      return multiply_rows<FormatQ4_0>;
    case kQ4_1:
      return multiply_rows<FormatQ4_1>;
    case kQ5_0:
      return multiply_rows<FormatQ5_0>;
    case kQ5_1:
      return multiply_rows<FormatQ5_1>;
    case kQ8_0:
      return multiply_rows<FormatQ8_0>;
    case kQ4_K:
      return multiply_rows<FormatQ4_K>;
    case kQ5_K:
      return multiply_rows<FormatQ5_K>;
    case kQ6_K:
      return multiply_rows<FormatQ6_K>;
    default:
      return nullptr;
  }
}

bool has_product(formats::TensorType type) { return find_multiply(type) != nullptr; }

// Lanes without a row repeat the last one.
void multiply_quantized(const QuantizedRows& weights, const ActivationBlock* x, uint32_t n_x,
                        WeightTile& scratch, float* out) {
  TileRows rows;
  rows.block = reinterpret_cast<const uint8_t*>(weights.data);
  rows.ahead = rows.block + kReadAhead;
  for (uint32_t lane = 0; lane < kTileRows; ++lane) {
    const uint32_t row = lane < weights.rows ? lane : weights.rows - 1;
    rows.offsets[lane] = static_cast<int32_t>(row * weights.row_bytes);
  }
  find_multiply(weights.type)(rows, weights.cols, x, n_x, scratch, out);
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {

HWY_EXPORT(has_product);
HWY_EXPORT(multiply_quantized);

bool has_quantized_product(formats::TensorType type) {
  return HWY_DYNAMIC_DISPATCH(has_product)(type);
}

void multiply_quantized(const QuantizedRows& weights, const ActivationBlock* x, uint32_t n_x,
                        WeightTile& scratch, float* out) {
  HWY_DYNAMIC_DISPATCH(multiply_quantized)(weights, x, n_x, scratch, out);
}

}  // namespace weft::backend
#endif  // HWY_ONCE
