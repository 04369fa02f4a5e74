// The KV cache of all layers, and attention over it, shared out over threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/aligned.h"
#include "backend/cpu/attention.h"
#include "backend/cpu/kv_cache.h"
#include "backend/cpu/packed_weights.h"
#include "backend/cpu/step_rows.h"
#include "backend/cpu/thread_pool.h"
#include "model/spec.h"

namespace weft::backend {

class AttentionLayers {
 public:
  // Throws std::bad_alloc. `spec` and `pool` outlive it.
  AttentionLayers(const model::ModelSpec& spec, const Options& options, ThreadPool& pool);

  // A row's key and value, [kv_heads, head_dim] each, to its place.
  void store(uint32_t layer, const StepRow& row, const float* key, const float* value) const;

  // Of every row of the step, over keys that have been stored: q and out are [rows, heads,
  // head_dim]. A row's bits do not depend on the other rows, nor on the number of threads.
  void run(uint32_t layer, const StepRows& step, const Rows& q, const Rows& out);

  [[nodiscard]] uint64_t kv_bytes() const { return memory_.bytes().size(); }
  [[nodiscard]] uint64_t token_bytes(uint32_t layer) const;  // of keys and values
  [[nodiscard]] uint64_t scratch_bytes() const;

 private:
  [[nodiscard]] AttentionItem item(uint32_t layer, const StepRows& step, uint32_t index,
                                   const Rows& q, const Rows& out) const;
  [[nodiscard]] bool plan_pieces();
  [[nodiscard]] std::span<WeightedSum> sums_of(const AttentionPiece& piece) const;

  const model::ModelSpec& spec_;
  ThreadPool& pool_;
  LargePages memory_;                      // block after block
  std::vector<KvCache> caches_;            // a layer each
  std::vector<AttentionScratch> scratch_;  // a thread each
  std::vector<std::vector<float>> sinks_;  // of a layer's heads; empty: none
  WeightedSums sums_;  // of chunks, where few items have many: one row of all heads fits

  // Of the current run: an item for each KV head of neighbouring rows.
  std::vector<AttentionItem> items_;
  std::vector<size_t> sums_of_;  // where an item's begin
  std::vector<AttentionPiece> pieces_;
};

}  // namespace weft::backend
