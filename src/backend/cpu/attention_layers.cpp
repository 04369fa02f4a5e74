#include "backend/cpu/attention_layers.h"

#include <algorithm>

#include "base/check.h"
#include "base/checked.h"
#include "formats/dequantize.h"

namespace weft::backend {
namespace {

// Items a thread gets at least before it pays to compute whole ones, and tasks a thread gets where
// items are cut at chunks.
constexpr uint32_t kEnoughItems = 8;
constexpr uint32_t kTasksPerThread = 8;

// 0 where a layer has no attention.
uint32_t heads_per_kv_head(const model::Attention& attention) {
  return attention.n_kv_heads == 0 ? 0 : attention.n_heads / attention.n_kv_heads;
}

KvShape shape_of(const model::LayerSpec& layer, const Options& options) {
  return {.kv_heads = layer.attention.n_kv_heads,
          .head_dim = layer.attention.head_dim,
          .types = options.kv_types};
}

// The widest head.
KvShape widest_shape(const model::ModelSpec& spec, const Options& options) {
  KvShape widest = shape_of(spec.layers.front(), options);
  for (const model::LayerSpec& layer : spec.layers) {
    widest.head_dim = std::max(widest.head_dim, layer.attention.head_dim);
  }
  return widest;
}

uint32_t most_heads(const model::ModelSpec& spec) {
  uint32_t most = 0;
  for (const model::LayerSpec& layer : spec.layers) most = std::max(most, layer.attention.n_heads);
  return most;
}

std::vector<float> sinks_of(const model::LayerSpec& layer) {
  if (!layer.attn_sinks) return {};
  std::vector<float> sinks(layer.attn_sinks->cols);
  const formats::TensorView& tensor = layer.attn_sinks->tensor;
  CHECK(formats::dequantize(tensor.type, tensor.data, sinks).has_value());  // as of all vectors
  return sinks;
}

}  // namespace

AttentionLayers::AttentionLayers(const model::ModelSpec& spec, const Options& options,
                                 ThreadPool& pool)
    : spec_(spec),
      pool_(pool),
      sums_(size_t{most_heads(spec)} * ceil_div(options.max_context, kChunkTokens),
            widest_shape(spec, options).padded_dim()) {
  size_t block_bytes = 0;
  uint32_t max_heads = 0;
  for (const model::LayerSpec& layer : spec.layers) {
    block_bytes += shape_of(layer, options).block_bytes();
    max_heads = std::max(max_heads, heads_per_kv_head(layer.attention));
    sinks_.push_back(sinks_of(layer));
  }
  memory_ = LargePages(block_bytes * options.kv_blocks);
  std::byte* first = memory_.bytes().data();
  for (const model::LayerSpec& layer : spec.layers) {
    const KvShape shape = shape_of(layer, options);
    caches_.emplace_back(shape, first, block_bytes);
    first += shape.block_bytes();
  }
  for (uint32_t thread = 0; thread < pool.threads(); ++thread) {
    scratch_.emplace_back(max_heads, widest_shape(spec, options));
  }
}

uint64_t AttentionLayers::token_bytes(uint32_t layer) const {
  return caches_[layer].shape().block_bytes() / kBlockTokens;
}

uint64_t AttentionLayers::scratch_bytes() const {
  uint64_t bytes = sums_.size_bytes();
  for (const AttentionScratch& scratch : scratch_) bytes += scratch.size_bytes();
  return bytes;
}

void AttentionLayers::store(uint32_t layer, const StepRow& row, const float* key,
                            const float* value) const {
  store_key_value(caches_[layer], row.block, row.pos % kBlockTokens, key, value);
}

// The index-th of the step's rows times KV heads.
AttentionItem AttentionLayers::item(uint32_t layer, const StepRows& step, uint32_t index,
                                    const Rows& q, const Rows& out) const {
  const model::Attention& attention = spec_.layers[layer].attention;
  const AttentionRows& rows = step.attention[index / attention.n_kv_heads];
  const uint32_t kv_head = index % attention.n_kv_heads;
  const uint32_t heads = heads_per_kv_head(attention);
  const size_t first = size_t{kv_head} * heads * attention.head_dim;
  return {.spec = &attention,
          .cache = &caches_[layer],
          .blocks = rows.blocks,
          .pos = rows.pos,
          .rows = rows.rows,
          .kv_head = kv_head,
          .heads = heads,
          .sinks = sinks_[layer].empty() ? nullptr : &sinks_[layer][size_t{kv_head} * heads],
          .q = q.row(rows.first_row) + first,
          .out = out.row(rows.first_row) + first,
          .stride = q.stride};
}

void AttentionLayers::run(uint32_t layer, const StepRows& step, const Rows& q, const Rows& out) {
  const uint32_t kv_heads = spec_.layers[layer].attention.n_kv_heads;
  const uint32_t n_items = narrow<uint32_t>(step.attention.size()) * kv_heads;
  items_.clear();
  sums_of_.clear();
  pieces_.clear();
  for (uint32_t i = 0; i < n_items; ++i) items_.push_back(item(layer, step, i, q, out));
  if (!plan_pieces()) {
    return pool_.run(n_items,
                     [&](uint32_t i, uint32_t thread) { attend(items_[i], scratch_[thread]); });
  }
  const auto n_pieces = narrow<uint32_t>(pieces_.size());
  const uint32_t tasks = std::min(n_pieces, pool_.threads() * kTasksPerThread);
  pool_.run(tasks, [&](uint32_t task, uint32_t thread) {
    const auto first = narrow<uint32_t>(uint64_t{n_pieces} * task / tasks);
    const auto end = narrow<uint32_t>(uint64_t{n_pieces} * (task + 1) / tasks);
    for (uint32_t i = first; i < end; ++i) {
      const AttentionItem* const item = pieces_[i].item;
      if (i == first || item != pieces_[i - 1].item) ready_queries(*item, scratch_[thread]);
      std::optional<AttentionPiece> next;
      if (i + 1 < n_pieces) next = pieces_[i + 1];
      attend_piece(pieces_[i], next, scratch_[thread], sums_of(pieces_[i]));
    }
  });
  pool_.run(n_items, [&](uint32_t i, uint32_t thread) {
    join_chunks(items_[i], sums_.all().subspan(sums_of_[i]), scratch_[thread]);
  });
}

// Where threads share the chunks of an item: pieces_, those of an item side by side.
bool AttentionLayers::plan_pieces() {
  if (items_.size() >= pool_.threads() * kEnoughItems) return false;
  size_t n_sums = 0;
  for (const AttentionItem& item : items_) {
    sums_of_.push_back(n_sums);
    n_sums += size_t{item.chunks()} * item.queries();
  }
  if (n_sums > sums_.all().size()) return false;
  for (const AttentionItem& item : items_) {
    for (uint32_t chunk = 0; chunk < item.chunks(); ++chunk) pieces_.push_back({&item, chunk});
  }
  return pieces_.size() > items_.size();
}

std::span<WeightedSum> AttentionLayers::sums_of(const AttentionPiece& piece) const {
  const uint32_t n = piece.item->queries();
  const size_t first = sums_of_[static_cast<size_t>(piece.item - items_.data())];
  return sums_.all().subspan(first + size_t{piece.chunk} * n, n);
}

}  // namespace weft::backend
