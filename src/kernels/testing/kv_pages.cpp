#include "kernels/testing/kv_pages.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "kernels/step.h"

namespace weft::kernels {

size_t KvPages::size() const { return block_table.size() * n_kv_heads * kBlockTokens * head_dim; }

size_t KvPages::at(uint32_t seq, uint32_t pos, uint32_t kv_head) const {
  const size_t block = place(seq, pos) / kBlockTokens;
  return ((block * n_kv_heads + kv_head) * kBlockTokens + pos % kBlockTokens) * head_dim;
}

uint32_t KvPages::place(uint32_t seq, uint32_t pos) const {
  return block_table[seq * max_blocks + pos / kBlockTokens] * kBlockTokens + pos % kBlockTokens;
}

KvPages contiguous_pages(uint32_t sequences, uint32_t max_blocks, uint32_t n_kv_heads,
                         uint32_t head_dim) {
  std::vector<uint32_t> table(sequences * max_blocks);
  std::iota(table.begin(), table.end(), 0U);
  return {n_kv_heads, head_dim, max_blocks, std::move(table)};
}

KvPages scattered_pages(uint32_t sequences, uint32_t max_blocks, uint32_t n_kv_heads,
                        uint32_t head_dim, uint32_t seed) {
  KvPages pages = contiguous_pages(sequences, max_blocks, n_kv_heads, head_dim);
  std::mt19937 random(seed);
  std::ranges::shuffle(pages.block_table, random);
  return pages;
}

}  // namespace weft::kernels
