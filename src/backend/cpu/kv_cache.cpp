#include "backend/cpu/kv_cache.h"

#include <cstring>

#include "base/half.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kv_cache.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
constexpr size_t kLanes = hn::MaxLanes(D());

// out[i * stride] = values[i] as binary16.
void store_halves(const float* values, size_t n, uint16_t* out, size_t stride) {
  const D d;
  const hn::Rebind<hwy::float16_t, D> d16;
  const hn::Rebind<uint16_t, D> du16;
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t valid = n - i < kLanes ? n - i : kLanes;
    alignas(64) float in[16] = {};
    alignas(32) uint16_t halves[16];
    for (size_t k = 0; k < valid; ++k) in[k] = values[i + k];
    hn::Store(hn::BitCast(du16, hn::DemoteTo(d16, hn::Load(d, in))), du16, halves);
    for (size_t k = 0; k < valid; ++k) out[(i + k) * stride] = halves[k];
  }
}

// Up to 32 values as quants, and their scale.
struct Quantized {
  alignas(32) int8_t quants[kQ8Columns];
  uint16_t d;  // binary16
};

void quantize(const float* values, size_t n, Quantized& out) {
  const D d;
  const hn::Rebind<int32_t, D> di;
  const hn::Rebind<int8_t, D> di8;
  alignas(64) float in[kQ8Columns] = {};
  for (size_t i = 0; i < n; ++i) in[i] = values[i];
  auto largest = hn::Zero(d);
  for (size_t i = 0; i < kQ8Columns; i += kLanes) {
    largest = hn::Max(largest, hn::Abs(hn::Load(d, in + i)));
  }
  out.d = float_to_half(hn::GetLane(hn::MaxOfLanes(d, largest)) / 127.0F);
  const auto scale = hn::Set(d, half_to_float(out.d));
  // Where the scale has become 0, so do the quants.
  const auto is_zero = hn::Eq(scale, hn::Zero(d));
  const auto limit = hn::Set(di, 127);
  for (size_t i = 0; i < kQ8Columns; i += kLanes) {
    const auto quotient = hn::IfThenZeroElse(is_zero, hn::Div(hn::Load(d, in + i), scale));
    const auto quant = hn::Min(hn::Max(hn::NearestInt(quotient), hn::Neg(limit)), limit);
    hn::Store(hn::DemoteTo(di8, quant), di8, out.quants + i);
  }
}

void store_q8_key(const float* key, size_t dim, size_t slot, Q8Keys* out) {
  Quantized group;
  for (size_t i = 0; i < dim; i += kQ8Columns, ++out) {
    quantize(key + i, dim - i < kQ8Columns ? dim - i : kQ8Columns, group);
    out->scales.d[slot] = group.d;
    for (size_t quad = 0; quad < kQ8Columns / 4; ++quad) {
      uint32_t bytes;
      std::memcpy(&bytes, group.quants + 4 * quad, sizeof bytes);
      out->quants[0].quads[quad][slot] = bytes ^ 0x80808080U;
    }
  }
}

void store_q8_value(const float* value, size_t dim, size_t slot, Q8Values* out) {
  Quantized group;
  for (size_t i = 0; i < dim; i += kQ8Columns, ++out) {
    quantize(value + i, dim - i < kQ8Columns ? dim - i : kQ8Columns, group);
    out->d[slot] = group.d;
    std::memcpy(out->quants[slot], group.quants, kQ8Columns);
  }
}

void store(const KvCache& cache, uint32_t block, uint32_t slot, const float* key,
           const float* value) {
  const KvShape& shape = cache.shape();
  const uint32_t dim = shape.head_dim;
  for (uint32_t head = 0; head < shape.kv_heads; ++head, key += dim, value += dim) {
    std::byte* const keys = cache.keys(block, head);
    std::byte* const values = cache.values(block, head);
    if (shape.types.keys == KvType::kF16) {
      store_halves(key, dim, reinterpret_cast<uint16_t*>(keys) + slot, kBlockTokens);
    } else {
      store_q8_key(key, dim, slot, reinterpret_cast<Q8Keys*>(keys));
    }
    if (shape.types.values == KvType::kF16) {
      store_halves(value, dim, reinterpret_cast<uint16_t*>(values) + slot * shape.padded_dim(), 1);
    } else {
      store_q8_value(value, dim, slot, reinterpret_cast<Q8Values*>(values));
    }
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {

HWY_EXPORT(store);

void store_key_value(const KvCache& cache, uint32_t block, uint32_t slot, const float* key,
                     const float* value) {
  HWY_DYNAMIC_DISPATCH(store)(cache, block, slot, key, value);
}

}  // namespace weft::backend
#endif  // HWY_ONCE
