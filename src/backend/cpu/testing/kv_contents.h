// What a KV cache holds, read element by element as its header describes it.
#pragma once

#include <cstdint>

#include "backend/cpu/kv_cache.h"
#include "base/half.h"

namespace weft::backend::testing {

inline double stored_key(const KvCache& cache, uint32_t block, uint32_t slot, uint32_t head,
                         uint32_t i) {
  if (cache.shape().types.keys == KvType::kF16) {
    const auto* halves = reinterpret_cast<const uint16_t*>(cache.keys(block, head));
    return static_cast<double>(half_to_float(halves[i * kBlockTokens + slot]));
  }
  const Q8Keys& group = reinterpret_cast<const Q8Keys*>(cache.keys(block, head))[i / kQ8Columns];
  const uint32_t quad = group.quants[0].quads[i % kQ8Columns / 4][slot];
  const auto quant = static_cast<int32_t>((quad >> (8 * (i % 4))) & 255U) - 128;
  return static_cast<double>(half_to_float(group.scales.d[slot])) * quant;
}

inline double stored_value(const KvCache& cache, uint32_t block, uint32_t slot, uint32_t head,
                           uint32_t i) {
  if (cache.shape().types.values == KvType::kF16) {
    const auto* halves = reinterpret_cast<const uint16_t*>(cache.values(block, head));
    return static_cast<double>(half_to_float(halves[slot * cache.shape().padded_dim() + i]));
  }
  const auto& group = reinterpret_cast<const Q8Values*>(cache.values(block, head))[i / kQ8Columns];
  return static_cast<double>(half_to_float(group.d[slot])) * group.quants[slot][i % kQ8Columns];
}

}  // namespace weft::backend::testing
