// Keys and values of all layers in blocks of kBlockTokens tokens, as binary16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/backend.h"
#include "backend/cpu/aligned.h"
#include "base/checked.h"

namespace weft::backend {

inline constexpr uint32_t kHeadPadding = 16;  // a head's values take a multiple of this

// One KV head's part of a block: keys with tokens side by side, [head_dim, kBlockTokens], so that
// scores of neighbouring tokens are neighbouring lanes; then values, [kBlockTokens, padded_dim].
struct KvShape {
  uint32_t blocks;
  uint32_t kv_heads;
  uint32_t head_dim;

  [[nodiscard]] uint32_t padded_dim() const { return round_up(head_dim, kHeadPadding); }
};

class KvCache {
 public:
  KvCache() = default;
  // The cache of one layer; memory is taken as blocks are first written.
  explicit KvCache(const KvShape& shape)
      : shape_(shape),
        head_size_(size_t{kBlockTokens} * (shape.head_dim + shape.padded_dim())),
        halves_(head_size_ * shape.kv_heads * shape.blocks) {}

  [[nodiscard]] const KvShape& shape() const { return shape_; }
  // Keys and values of one head.
  [[nodiscard]] std::span<const uint16_t> head(uint32_t block, uint32_t kv_head) const {
    return {keys(block, kv_head), head_size_};
  }
  [[nodiscard]] uint16_t* keys(uint32_t block, uint32_t kv_head) const {
    return halves_.data() + (size_t{block} * shape_.kv_heads + kv_head) * head_size_;
  }
  [[nodiscard]] uint16_t* values(uint32_t block, uint32_t kv_head) const {
    return keys(block, kv_head) + size_t{shape_.head_dim} * kBlockTokens;
  }
  [[nodiscard]] size_t size_bytes() const { return halves_.size_bytes(); }

 private:
  KvShape shape_{};
  size_t head_size_ = 0;  // halves of one head's part of a block
  AlignedArray<uint16_t> halves_;
};

// Writes one token's keys and values, [kv_heads, head_dim] each, to place `slot` of `block`.
void store_key_value(const KvCache& cache, uint32_t block, uint32_t slot, const float* key,
                     const float* value);

}  // namespace weft::backend
