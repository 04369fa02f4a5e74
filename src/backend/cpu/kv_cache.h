// Keys and values of one layer in blocks of kBlockTokens tokens, as binary16 or as bytes with
// scales.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/backend.h"
#include "backend/cpu/packed_blocks.h"
#include "base/checked.h"

namespace weft::backend {

inline constexpr uint32_t kHeadPadding = 16;  // binary16 values of a head take a multiple of this
inline constexpr uint32_t kQ8Columns = 32;    // of a head share a scale

// Keys as KvType::kQ8_0: for each 32 columns of a head, [ceil(head_dim / 32)], what a product with
// weights of Q8_0 reads, with a token in place of a row. A quant is stored with 128 added.
using Q8Keys = PackedQ8_0;
static_assert(kTileRows == kBlockTokens);

// Values as KvType::kQ8_0, [ceil(head_dim / 32)]: value = d * quant.
struct Q8Values {
  uint16_t d[kBlockTokens];  // binary16
  int8_t quants[kBlockTokens][kQ8Columns];
};

// One KV head's part of a block: keys with tokens side by side, so that scores of neighbouring
// tokens are neighbouring lanes: as kF16 [head_dim, kBlockTokens], as kQ8_0 Q8Keys; then values: as
// kF16 [kBlockTokens, padded_dim], as kQ8_0 Q8Values. Columns beyond head_dim are zero.
struct KvShape {
  uint32_t kv_heads;
  uint32_t head_dim;
  KvTypes types;

  [[nodiscard]] uint32_t padded_dim() const {
    return round_up(head_dim, types.values == KvType::kF16 ? kHeadPadding : kQ8Columns);
  }
  [[nodiscard]] uint32_t q8_groups() const { return ceil_div(head_dim, kQ8Columns); }
  [[nodiscard]] size_t key_bytes() const {
    return types.keys == KvType::kF16 ? sizeof(uint16_t) * kBlockTokens * head_dim
                                      : sizeof(Q8Keys) * q8_groups();
  }
  [[nodiscard]] size_t value_bytes() const {
    return types.values == KvType::kF16 ? sizeof(uint16_t) * kBlockTokens * padded_dim()
                                        : sizeof(Q8Values) * q8_groups();
  }
  [[nodiscard]] size_t block_bytes() const { return (key_bytes() + value_bytes()) * kv_heads; }
};

class KvCache {
 public:
  KvCache() = default;
  // In zeroed memory of another, aligned to 64 bytes, which has `block_stride` bytes from this
  // layer's part of a block to that of the next: with the layers' parts of a block side by side,
  // large pages are used up.
  KvCache(const KvShape& shape, std::byte* first, size_t block_stride)
      : shape_(shape), first_(first), block_stride_(block_stride) {}

  [[nodiscard]] const KvShape& shape() const { return shape_; }
  [[nodiscard]] std::byte* keys(uint32_t block, uint32_t kv_head) const {
    return first_ + block * block_stride_ + kv_head * (shape_.key_bytes() + shape_.value_bytes());
  }
  [[nodiscard]] std::byte* values(uint32_t block, uint32_t kv_head) const {
    return keys(block, kv_head) + shape_.key_bytes();
  }

 private:
  KvShape shape_{};
  std::byte* first_ = nullptr;
  size_t block_stride_ = 0;
};

// Writes one token's keys and values, [kv_heads, head_dim] each, to place `slot` of `block`.
// As kQ8_0, 32 columns have the scale d = max|x| / 127, rounded to binary16, and a quant is x / d
// rounded to nearest, within 127.
void store_key_value(const KvCache& cache, uint32_t block, uint32_t slot, const float* key,
                     const float* value);

}  // namespace weft::backend
