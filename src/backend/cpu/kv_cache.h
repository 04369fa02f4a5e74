// Keys and values of one layer in blocks of kBlockTokens tokens, as binary16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "base/checked.h"

namespace weft::backend {

inline constexpr uint32_t kHeadPadding = 16;  // a head's values take a multiple of this

// One KV head's part of a block: keys with tokens side by side, [head_dim, kBlockTokens], so that
// scores of neighbouring tokens are neighbouring lanes; then values, [kBlockTokens, padded_dim].
struct KvShape {
  uint32_t kv_heads;
  uint32_t head_dim;

  [[nodiscard]] uint32_t padded_dim() const { return round_up(head_dim, kHeadPadding); }
  [[nodiscard]] size_t head_halves() const {
    return size_t{kBlockTokens} * (head_dim + padded_dim());
  }
  [[nodiscard]] size_t block_halves() const { return head_halves() * kv_heads; }
};

class KvCache {
 public:
  KvCache() = default;
  // In memory of another, which has `block_stride` halves from this layer's part of a block to that
  // of the next: with the layers' parts of a block side by side, large pages are used up.
  KvCache(const KvShape& shape, uint16_t* first, size_t block_stride)
      : shape_(shape), first_(first), block_stride_(block_stride) {}

  [[nodiscard]] const KvShape& shape() const { return shape_; }
  // Keys and values of one head.
  [[nodiscard]] std::span<const uint16_t> head(uint32_t block, uint32_t kv_head) const {
    return {keys(block, kv_head), shape_.head_halves()};
  }
  [[nodiscard]] uint16_t* keys(uint32_t block, uint32_t kv_head) const {
    return first_ + block * block_stride_ + kv_head * shape_.head_halves();
  }
  [[nodiscard]] uint16_t* values(uint32_t block, uint32_t kv_head) const {
    return keys(block, kv_head) + size_t{shape_.head_dim} * kBlockTokens;
  }

 private:
  KvShape shape_{};
  uint16_t* first_ = nullptr;
  size_t block_stride_ = 0;
};

// Writes one token's keys and values, [kv_heads, head_dim] each, to place `slot` of `block`.
void store_key_value(const KvCache& cache, uint32_t block, uint32_t slot, const float* key,
                     const float* value);

}  // namespace weft::backend
