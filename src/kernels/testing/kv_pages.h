// KV caches of tests: sequences whose blocks lie scattered in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft::kernels {

struct KvPages {
  uint32_t n_kv_heads;
  uint32_t head_dim;
  uint32_t max_blocks;                // of a sequence
  std::vector<uint32_t> block_table;  // [sequences, max_blocks]

  [[nodiscard]] size_t size() const;  // halfs in the cache
  // Row::place
  [[nodiscard]] uint32_t place(uint32_t seq, uint32_t pos) const;
  // Where element 0 of a head's key or value lies in the cache.
  [[nodiscard]] size_t at(uint32_t seq, uint32_t pos, uint32_t kv_head) const;
};

// Every sequence has max_blocks blocks, and all lie in a random order.
[[nodiscard]] KvPages scattered_pages(uint32_t sequences, uint32_t max_blocks, uint32_t n_kv_heads,
                                      uint32_t head_dim, uint32_t seed);

// Sequence after sequence, block after block.
[[nodiscard]] KvPages contiguous_pages(uint32_t sequences, uint32_t max_blocks, uint32_t n_kv_heads,
                                       uint32_t head_dim);

}  // namespace weft::kernels
