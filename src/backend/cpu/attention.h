// Attention of a few query rows over a sequence's blocks of keys and values, read in place.
#pragma once

#include <cstdint>
#include <span>

#include "backend/cpu/aligned.h"
#include "backend/cpu/kv_cache.h"

namespace weft::backend {

// Rows of one item of work: their positions lie in one run of kAttentionRows from a multiple of it,
// so all of them end in the same KV block.
inline constexpr uint32_t kAttentionRows = 8;

struct AttentionItem {
  const KvCache* cache;
  std::span<const uint32_t> blocks;  // of the sequence
  uint32_t pos;                      // of the first row
  uint32_t rows;
  uint32_t kv_head;
  uint32_t heads;  // query heads of this KV head
  float scale;
  float softcap;    // of the scores; 0: none
  uint32_t window;  // positions that a row sees, its own among them; 0: all
  const float* q;   // the first row's first head of this KV head: [rows, heads, head_dim]
  float* out;       // like q
  size_t stride;    // floats from one row of q and of out to the next
};

// One query head of one row on its way through the blocks.
struct AttentionQuery {
  float* q;                           // [head_dim], scaled
  float* sum;                         // [padded_dim]: values weighted by exp(score - largest)
  float largest;                      // score so far
  float weight;                       // sum of exp(score - largest)
  float softcap;                      // of scores; 0: none
  uint32_t first, tokens;             // of the current block it may see [first, tokens)
  alignas(64) float p[kBlockTokens];  // scores of the current block, then their exp
};

// Working memory of one thread.
struct AttentionScratch {
  AttentionScratch(uint32_t max_heads, const KvShape& shape);
  [[nodiscard]] uint64_t size_bytes() const;

  AlignedArray<AttentionQuery> queries;
  RowBuffer q;
  RowBuffer sums;
};

// out = softmax(q . keys * scale) . values over positions up to each row's own, within its window.
// Online softmax, one block of keys after the other: the bits of a row do not depend on the rows
// beside it.
void attend(const AttentionItem& item, const AttentionScratch& scratch);

}  // namespace weft::backend
