// Attention of a few query rows over a sequence's blocks of keys and values, read in place.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend/cpu/aligned.h"
#include "backend/cpu/kv_cache.h"
#include "backend/cpu/quantize_row.h"
#include "model/spec.h"

namespace weft::backend {

// Rows of one item of work: their positions lie in one run of kAttentionRows from a multiple of it,
// so all of them end in the same KV block.
inline constexpr uint32_t kAttentionRows = 8;

// Blocks of a sequence that are summed up by themselves; sums of chunks are then put together from
// the first to the last. So the bits of a row depend neither on the rows beside it nor on which
// chunks are computed by one thread.
inline constexpr uint32_t kChunkBlocks = 4;
inline constexpr uint32_t kChunkTokens = kChunkBlocks * kBlockTokens;

struct AttentionItem {
  const model::Attention* spec;
  const KvCache* cache;
  std::span<const uint32_t> blocks;  // of the sequence
  uint32_t pos;                      // of the first row
  uint32_t rows;
  uint32_t kv_head;
  uint32_t heads;      // query heads of this KV head
  const float* sinks;  // [heads]: a score more in each softmax, of no value; null: none
  const float* q;      // the first row's first head of this KV head: [rows, heads, head_dim]
  float* out;          // like q
  size_t stride;       // floats from one row of q and of out to the next

  [[nodiscard]] uint32_t queries() const { return rows * heads; }  // each a head of a row
  // Chunks that rows see something of.
  [[nodiscard]] uint32_t first_chunk() const { return spec->first_seen(pos) / kChunkTokens; }
  [[nodiscard]] uint32_t chunks() const { return pos / kChunkTokens + 1 - first_chunk(); }
};

// What attention has summed up of a query.
struct WeightedSum {
  float largest;  // score
  float weight;   // sum of exp(score - largest)
  float* values;  // [padded_dim]: the sum of values times exp(score - largest)
};

// Memory for some.
class WeightedSums {
 public:
  WeightedSums(size_t count, uint32_t padded_dim);
  [[nodiscard]] std::span<WeightedSum> all() const { return sums_.values(); }
  [[nodiscard]] uint64_t size_bytes() const { return sums_.size_bytes() + values_.size_bytes(); }

 private:
  AlignedArray<WeightedSum> sums_;
  AlignedArray<float> values_;
};

// One query on its way through a chunk.
struct AttentionQuery {
  float* q;                 // [head_dim], scaled
  ActivationBlock* quants;  // q for keys as kQ8_0, [ceil(head_dim / 32)]
  WeightedSum* sum;
  float softcap;                      // of scores; 0: none
  uint32_t first, tokens;             // of the chunk it may see [first, tokens)
  alignas(64) float p[kChunkTokens];  // scores, then their exp
};

// One KV head's blocks of a chunk, and beside each another that is read soon, or itself.
struct ChunkBlocks {
  const KvShape& shape;
  uint32_t count;
  const std::byte* keys[kChunkBlocks];  // its values are behind them
  const std::byte* ahead[kChunkBlocks];
};

// Working memory of one thread.
struct AttentionScratch {
  // For up to max_heads heads of a KV head, each as wide as those of `widest`.
  AttentionScratch(uint32_t max_heads, const KvShape& widest);
  [[nodiscard]] uint64_t size_bytes() const;

  AlignedArray<AttentionQuery> queries;
  RowBuffer q;
  AlignedArray<ActivationBlock> quants;
  WeightedSums of_chunk, of_all;
};

// out = softmax(q . keys * scale) . values over positions up to each row's own, within its window.
void attend(const AttentionItem& item, const AttentionScratch& scratch);

// An item's `chunk`-th chunk.
struct AttentionPiece {
  const AttentionItem* item;
  uint32_t chunk;
};

// The same in pieces. Scratch is made ready for an item's queries, and pieces of that item follow:
// sums of one, for each query, while the blocks of `next`, of any item, are asked for. At last the
// sums of all of the item's chunks, [chunks, queries], are joined.
void ready_queries(const AttentionItem& item, const AttentionScratch& scratch);
void attend_piece(const AttentionPiece& piece, const std::optional<AttentionPiece>& next,
                  const AttentionScratch& scratch, std::span<WeightedSum> sums);
void join_chunks(const AttentionItem& item, std::span<const WeightedSum> sums,
                 const AttentionScratch& scratch);

}  // namespace weft::backend
