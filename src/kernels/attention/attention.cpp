#include "kernels/attention/attention.h"

#include <algorithm>
#include <bit>

#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/attention_combine.wgsl.h"
#include "kernels/gen/attention_split.wgsl.h"
#include "kernels/gen/attention_tile.wgsl.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kMaxHeadDim = 256;
constexpr uint32_t kSplit = 128;  // keys, as in lib/split_stats.wgsl
constexpr uint32_t kCombineLanes = 128;
constexpr uint32_t kTilePairs = 64;  // (row, head) pairs of a workgroup of attention_tile

uint32_t max_splits(const Attention& shape) {
  return ceil_div(shape.max_blocks * kBlockTokens, kSplit);
}

uint32_t shared_heads(const Attention& shape) { return shape.n_heads / shape.n_kv_heads; }

Result<void> check(const Attention& shape) {
  if (shape.n_kv_heads == 0 || shape.n_heads % shape.n_kv_heads != 0) {
    return fail("Attention with {} query heads over {} KV heads: they must be a multiple.",
                shape.n_heads, shape.n_kv_heads);
  }
  if (shape.head_dim == 0 || shape.head_dim % 16 != 0 || shape.head_dim > kMaxHeadDim) {
    return fail("Attention heads of {} elements: the GPU's kernels take multiples of 16 up to {}.",
                shape.head_dim, kMaxHeadDim);
  }
  return {};
}

// Query heads that one workgroup of attention_split handles: as many as its memory holds.
uint32_t split_heads(const Attention& shape) {
  uint32_t heads = std::min({8U, 512 / shape.head_dim, shared_heads(shape)});
  while (shared_heads(shape) % heads != 0) --heads;
  return heads;
}

// Invocations that share two pairs in attention_tile: so many that each keeps about 32 elements of
// a head.
uint32_t tile_parts(const Attention& shape) {
  uint32_t parts = ceil_div(shape.head_dim, 32U);
  while (shape.head_dim / 4 % parts != 0) --parts;
  return parts;
}

// Keys that attention_tile stages at a time, so that they, their values and their scores fit 16
// KiB.
uint32_t tile_keys(const Attention& shape) {
  return std::min(16U, std::bit_floor(1024 / shape.head_dim));
}

uint64_t row_bytes(const Attention& shape) { return uint64_t{4} * shape.n_heads * shape.head_dim; }

Dispatch split(gpu::Device& device, const Attention& shape, const AttentionBuffers& buffers,
               const AttentionScratch& scratch) {
  const uint32_t heads = split_heads(shape);
  const gpu::Pipeline pipeline =
      device.pipeline(compose({.kernel = "attention_split",
                               .constants = {{"kHeadDim", shape.head_dim}, {"kHeads", heads}}}));
  const std::array bindings{buffers.rows,    buffers.block_table, buffers.q,    buffers.k_cache,
                            buffers.v_cache, scratch.acc,         scratch.stats};
  return {.label = "attention_split",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "attention_split"),
          .immediates = Immediates(AttentionSplitParams{.rows = 0,
                                                        .n_heads = shape.n_heads,
                                                        .n_kv_heads = shape.n_kv_heads,
                                                        .max_blocks = shape.max_blocks,
                                                        .max_splits = max_splits(shape),
                                                        .scale = shape.scale}),
          .count = Count::kRows,
          .x = {.fixed = shape.n_heads / heads},
          .y = {.count = Count::kRows},
          .z = {.count = Count::kLength, .per_group = kSplit},
          .bytes_per_count = row_bytes(shape)};
}

Dispatch combine(gpu::Device& device, const Attention& shape, const AttentionBuffers& buffers,
                 const AttentionScratch& scratch) {
  const uint32_t words = shape.head_dim / 2;
  const gpu::Pipeline pipeline = device.pipeline(
      compose({.kernel = "attention_combine", .overrides = {{"WG", kCombineLanes}}}));
  const std::array bindings{buffers.rows, scratch.acc, scratch.stats, buffers.y};
  return {
      .label = "attention_combine",
      .pipeline = pipeline,
      .group = device.bind_group(pipeline, bindings, "attention_combine"),
      .immediates = Immediates(AttentionCombineParams{
          .rows = 0, .n_heads = shape.n_heads, .max_splits = max_splits(shape), .words = words}),
      .count = Count::kRows,
      .x = {.fixed = ceil_div(shape.n_heads * words, kCombineLanes)},
      .y = {.count = Count::kRows},
      .bytes_per_count = row_bytes(shape)};
}

}  // namespace

AttentionScratchBytes attention_scratch_bytes(const Attention& shape, uint32_t max_rows) {
  const uint64_t splits = uint64_t{max_rows} * shape.n_heads * max_splits(shape);
  return {.acc = splits * shape.head_dim * 4, .stats = splits * 8};
}

Result<std::array<Dispatch, 2>> attention_of_rows(gpu::Device& device, const Attention& shape,
                                                  const AttentionBuffers& buffers,
                                                  const AttentionScratch& scratch) {
  WEFT_TRY(check(shape));
  return std::array{split(device, shape, buffers, scratch),
                    combine(device, shape, buffers, scratch)};
}

Result<Dispatch> attention_of_tiles(gpu::Device& device, const Attention& shape,
                                    const AttentionBuffers& buffers, const gpu::Binding& tiles) {
  WEFT_TRY(check(shape));
  const gpu::Pipeline pipeline =
      device.pipeline(compose({.kernel = "attention_tile",
                               .constants = {{"kHeadDim", shape.head_dim},
                                             {"kParts", tile_parts(shape)},
                                             {"kKeys", tile_keys(shape)}}}));
  const std::array bindings{tiles,     buffers.rows,    buffers.block_table,
                            buffers.q, buffers.k_cache, buffers.v_cache,
                            buffers.y};
  const uint32_t groups = ceil_div(kTileRows * shared_heads(shape), kTilePairs);
  return Dispatch{.label = "attention_tile",
                  .pipeline = pipeline,
                  .group = device.bind_group(pipeline, bindings, "attention_tile"),
                  .immediates = Immediates(AttentionTileParams{.tiles = 0,
                                                               .n_heads = shape.n_heads,
                                                               .n_kv_heads = shape.n_kv_heads,
                                                               .max_blocks = shape.max_blocks,
                                                               .scale = shape.scale}),
                  .count = Count::kTiles,
                  .x = {.fixed = shape.n_kv_heads * groups},
                  .y = {.count = Count::kTiles},
                  .bytes_per_count = 2 * kTileRows * row_bytes(shape)};
}

}  // namespace weft::kernels
