#include "backend/cpu/kv_cache.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kv_cache.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// out[i * stride] = values[i] as binary16.
void store_halves(const float* values, size_t n, uint16_t* out, size_t stride) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> d16;
  const hn::Rebind<uint16_t, decltype(d)> du16;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < n; i += lanes) {
    const size_t valid = n - i < lanes ? n - i : lanes;
    alignas(64) float in[16] = {};
    alignas(32) uint16_t halves[16];
    for (size_t k = 0; k < valid; ++k) in[k] = values[i + k];
    hn::Store(hn::BitCast(du16, hn::DemoteTo(d16, hn::Load(d, in))), du16, halves);
    for (size_t k = 0; k < valid; ++k) out[(i + k) * stride] = halves[k];
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {

HWY_EXPORT(store_halves);

void store_key_value(const KvCache& cache, uint32_t block, uint32_t slot, const float* key,
                     const float* value) {
  const auto store = HWY_DYNAMIC_DISPATCH(store_halves);
  const uint32_t dim = cache.shape().head_dim;
  for (uint32_t head = 0; head < cache.shape().kv_heads; ++head) {
    store(key + head * dim, dim, cache.keys(block, head) + slot, kBlockTokens);
    store(value + head * dim, dim, cache.values(block, head) + slot * cache.shape().padded_dim(),
          1);
  }
}

}  // namespace weft::backend
#endif  // HWY_ONCE
