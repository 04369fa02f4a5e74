#include "kernels/attention/attention.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/attention_combine.wgsl.h"
#include "kernels/gen/attention_split.wgsl.h"
#include "kernels/gen/attention_tile.wgsl.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kMaxHeadDim = 256;
constexpr uint32_t kPlainUnit = 4;     // of elements of a head, without matrix units
constexpr uint32_t kLeastSplit = 128;  // keys
constexpr uint32_t kLongSplit = 256;
constexpr uint32_t kFewKeys = 512;
constexpr uint32_t kFewKeysLanes = 512;
constexpr uint32_t kLaneHeads = 4;
constexpr uint32_t kCombineLanes = 512;
constexpr uint32_t kTilePairs = 64;  // (row, head) pairs of a workgroup of attention_tile

uint32_t max_splits(const Attention& shape, uint32_t split_keys) {
  return ceil_div(shape.max_blocks * kBlockTokens, split_keys);
}

// For kernels, whose windows are never without end.
uint32_t window_of(const Attention& shape) {
  return shape.window == 0 ? std::numeric_limits<uint32_t>::max() : shape.window;
}

void choose_window(const Attention& shape, Variant& variant) {
  variant.overrides.push_back({"CHUNKED", shape.chunked && shape.window != 0 ? 1.0 : 0.0});
}

void choose_rule(const Attention& shape, Variant& variant) {
  choose_window(shape, variant);
  variant.overrides.push_back({"CAPPED", shape.soft_cap == 0 ? 0.0 : 1.0});
  variant.overrides.push_back({"TEMPERATURE", static_cast<double>(shape.temperature)});
  variant.overrides.push_back(
      {"TEMPERATURE_LENGTH", static_cast<double>(shape.temperature_length)});
}

bool has_sinks(const AttentionBuffers& buffers) { return buffers.sinks.buffer != nullptr; }

void choose_sinks(const AttentionBuffers& buffers, Variant& variant) {
  variant.overrides.push_back({"SINKS", has_sinks(buffers) ? 1.0 : 0.0});
}

// Sinks come in when splits are put together, so that all have to be.
void choose_left(const AttentionBuffers& buffers, Variant& variant) {
  variant.overrides.push_back({"ALL_ARE_LEFT", has_sinks(buffers) ? 1.0 : 0.0});
}

// For the binding of sinks: what is read besides, where there are none.
gpu::Binding sinks_or_queries(const AttentionBuffers& buffers) {
  return has_sinks(buffers) ? buffers.sinks : buffers.q;
}

uint32_t shared_heads(const Attention& shape) { return shape.n_heads / shape.n_kv_heads; }

// `unit`: what head_dim is a multiple of.
Result<void> check(const Attention& shape, uint32_t unit) {
  if (shape.n_kv_heads == 0 || shape.n_heads % shape.n_kv_heads != 0) {
    return fail("Attention with {} query heads over {} KV heads: they must be a multiple.",
                shape.n_heads, shape.n_kv_heads);
  }
  if (shape.head_dim == 0 || shape.head_dim % unit != 0 || shape.head_dim > kMaxHeadDim) {
    return fail("Attention heads of {} elements: the GPU's kernels take multiples of {} up to {}.",
                shape.head_dim, unit, kMaxHeadDim);
  }
  return {};
}

// Query heads that one workgroup of attention_split handles: as many as its memory holds.
uint32_t split_heads(const Attention& shape) {
  uint32_t heads = std::min({8U, 512 / shape.head_dim, shared_heads(shape)});
  while (shared_heads(shape) % heads != 0) --heads;
  return heads;
}

// The same of attention_split_lanes, at most as many as a lane's registers hold.
uint32_t lane_heads(const Attention& shape, uint32_t most) {
  uint32_t heads = std::min(most, shared_heads(shape));
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

// How the keys of a row are split.
struct SplitVariant {
  bool by_lanes;   // attention_split_lanes
  uint32_t heads;  // of a workgroup
  uint32_t keys;   // of a split
  uint32_t dims;   // of a key that a lane takes
  uint32_t workgroup;
  uint32_t at_once = 4;  // keys of a lane
};

// Whether a device can run a variant by lanes: its subgroups' results meet in workgroup memory.
bool fits(const gpu::AdapterInfo& info, const Attention& shape, const SplitVariant& variant) {
  const uint64_t subgroups = ceil_div(variant.workgroup, info.subgroup_min);
  const uint64_t bytes = 4 * subgroups * variant.heads * (shape.head_dim + 2) + 256;
  return bytes <= info.limits.max_workgroup_bytes &&
         variant.workgroup <= info.limits.max_workgroup_lanes &&
         variant.workgroup % info.subgroup_max == 0;
}

SplitVariant split_variant(const gpu::AdapterInfo& info, const Attention& shape) {
  const SplitVariant plain{.by_lanes = false,
                           .heads = split_heads(shape),
                           .keys = kLeastSplit,
                           .dims = 0,
                           .workgroup = kLeastSplit};
  if (!info.has_subgroups) return plain;
  for (uint32_t dims = 8; dims <= 16; dims += 8) {
    const uint32_t lanes = std::bit_ceil(ceil_div(shape.head_dim, dims));
    if (shape.head_dim % dims != 0 || lanes > info.subgroup_min) continue;
    SplitVariant variant{.by_lanes = true,
                         .heads = lane_heads(shape, kLaneHeads),
                         .keys = kLongSplit,
                         .dims = dims,
                         .workgroup = 256};
    if (fits(info, shape, variant)) {
      return variant;
    }
  }
  return plain;
}

Variant split_shader(const gpu::AdapterInfo& info, const Attention& shape,
                     const SplitVariant& variant) {
  if (!variant.by_lanes) {
    return {.kernel = "attention_split",
            .constants = {
                {"kHeadDim", shape.head_dim}, {"kHeads", variant.heads}, {"kSplit", variant.keys}}};
  }
  return {.kernel = "attention_split_lanes",
          .constants = {{"kHeadDim", shape.head_dim},
                        {"kHeads", variant.heads},
                        {"kDims", variant.dims},
                        {"kEights", variant.dims / 8},
                        {"kQuads", variant.dims / 4},
                        {"kAtOnce", variant.at_once},
                        {"kLanes", std::bit_ceil(shape.head_dim / variant.dims)},
                        {"kSplit", variant.keys}},
          .overrides = {
              {"WG", static_cast<double>(variant.workgroup)},
              {"SUBGROUPS", static_cast<double>(ceil_div(variant.workgroup, info.subgroup_min))}}};
}

Dispatch split(gpu::Device& device, const Attention& shape, const AttentionBuffers& buffers,
               const AttentionScratch& scratch, const SplitVariant& variant) {
  Variant shader = split_shader(device.info(), shape, variant);
  choose_rule(shape, shader);
  choose_left(buffers, shader);
  const gpu::Pipeline pipeline = device.pipeline(compose(shader));
  const std::array bindings{buffers.rows,    buffers.block_table, buffers.q,     buffers.k_cache,
                            buffers.v_cache, scratch.acc,         scratch.stats, buffers.y};
  return {
      .label = "attention_split",
      .pipeline = pipeline,
      .group = device.bind_group(pipeline, bindings, "attention_split"),
      .immediates = Immediates(AttentionSplitParams{.rows = 0,
                                                    .n_heads = shape.n_heads,
                                                    .n_kv_heads = shape.n_kv_heads,
                                                    .max_blocks = shape.max_blocks,
                                                    .max_splits = max_splits(shape, variant.keys),
                                                    .scale = shape.scale,
                                                    .soft_cap = shape.soft_cap,
                                                    .window = window_of(shape)}),
      .count = Count::kRows,
      .x = {.fixed = shape.n_heads / variant.heads},
      .y = {.count = Count::kRows},
      .z = {.count = Count::kLength, .per_group = variant.keys},
      .bytes_per_count = row_bytes(shape)};
}

Dispatch combine(gpu::Device& device, const Attention& shape, const AttentionBuffers& buffers,
                 const AttentionScratch& scratch, const SplitVariant& variant) {
  const uint32_t lanes = std::min(kCombineLanes, device.info().limits.max_workgroup_lanes);
  Variant shader{.kernel = "attention_combine",
                 .constants = {{"kSplit", variant.keys}},
                 .overrides = {{"WG", static_cast<double>(lanes)},
                               {"WORDS", static_cast<double>(shape.head_dim / 2)}}};
  choose_window(shape, shader);
  choose_left(buffers, shader);
  choose_sinks(buffers, shader);
  const gpu::Pipeline pipeline = device.pipeline(compose(shader));
  const std::array bindings{buffers.rows, scratch.acc, scratch.stats, buffers.y,
                            sinks_or_queries(buffers)};
  return {
      .label = "attention_combine",
      .pipeline = pipeline,
      .group = device.bind_group(pipeline, bindings, "attention_combine"),
      .immediates = Immediates(AttentionCombineParams{.rows = 0,
                                                      .n_heads = shape.n_heads,
                                                      .max_splits = max_splits(shape, variant.keys),
                                                      .window = window_of(shape)}),
      .count = Count::kRows,
      .x = {.fixed = shape.n_heads},
      .y = {.count = Count::kRows},
      .min_length = has_sinks(buffers) ? 0 : variant.keys + 1,
      .bytes_per_count = row_bytes(shape)};
}

// A dispatch over the tiles of a step, each workgroup of which takes `pairs` (row, head) pairs.
Dispatch over_tiles(gpu::Device& device, const Attention& shape, const AttentionBuffers& buffers,
                    const gpu::Binding& tiles, Variant variant, uint32_t pairs) {
  choose_rule(shape, variant);
  choose_sinks(buffers, variant);
  const gpu::Pipeline pipeline = device.pipeline(compose(variant));
  const std::array bindings{
      tiles,           buffers.rows,    buffers.block_table, buffers.q,
      buffers.k_cache, buffers.v_cache, buffers.y,           sinks_or_queries(buffers)};
  const uint32_t groups = ceil_div(kTileRows * shared_heads(shape), pairs);
  return {.label = "attention_tile",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "attention_tile"),
          .immediates = Immediates(AttentionTileParams{.tiles = 0,
                                                       .n_heads = shape.n_heads,
                                                       .n_kv_heads = shape.n_kv_heads,
                                                       .max_blocks = shape.max_blocks,
                                                       .scale = shape.scale,
                                                       .soft_cap = shape.soft_cap,
                                                       .window = window_of(shape)}),
          .count = Count::kTiles,
          .x = {.fixed = shape.n_kv_heads * groups},
          .y = {.count = Count::kTiles},
          .bytes_per_count = 2 * kTileRows * row_bytes(shape)};
}

}  // namespace

AttentionScratchBytes attention_scratch_bytes(const Attention& shape, uint32_t max_rows) {
  const uint64_t splits = uint64_t{max_rows} * shape.n_heads * max_splits(shape, kLeastSplit);
  return {.acc = splits * shape.head_dim * 4, .stats = splits * 8};
}

Result<std::vector<Dispatch>> attention_of_rows(gpu::Device& device, const Attention& shape,
                                                const AttentionBuffers& buffers,
                                                const AttentionScratch& scratch) {
  WEFT_TRY(check(shape, kPlainUnit));
  SplitVariant variant = split_variant(device.info(), shape);
  std::vector<Dispatch> dispatches;
  dispatches.push_back(split(device, shape, buffers, scratch, variant));
  if (variant.by_lanes && variant.heads > 1) {
    // Over few keys what counts is how long a lane works, not how often a key is read.
    dispatches.back().min_length = kFewKeys + 1;
    variant.heads = 1;
    SplitVariant wide = variant;
    wide.workgroup = kFewKeysLanes;
    wide.at_once = 2;
    if (fits(device.info(), shape, wide)) variant = wide;
    dispatches.push_back(split(device, shape, buffers, scratch, variant));
    dispatches.back().max_length = kFewKeys;
  }
  dispatches.push_back(combine(device, shape, buffers, scratch, variant));
  return dispatches;
}

Result<Dispatch> attention_of_tiles(gpu::Device& device, const Attention& shape,
                                    const AttentionBuffers& buffers, const gpu::Binding& tiles) {
  WEFT_TRY(check(shape, kPlainUnit));
  const Variant variant{.kernel = "attention_tile",
                        .constants = {{"kHeadDim", shape.head_dim},
                                      {"kParts", tile_parts(shape)},
                                      {"kKeys", tile_keys(shape)}}};
  return over_tiles(device, shape, buffers, tiles, variant, kTilePairs);
}

bool can_attend_on(const SubgroupMatrix& matrix) {
  return matrix.lanes % matrix.m == 0 && kBlockTokens / 8 % (matrix.lanes / matrix.m) == 0;
}

Result<Dispatch> attention_on_matrices(gpu::Device& device, const Attention& shape,
                                       const AttentionBuffers& buffers, const gpu::Binding& tiles,
                                       const SubgroupMatrix& matrix) {
  WEFT_TRY(check(shape, kMatrixHeadUnit));
  CHECK(can_attend_on(matrix));
  constexpr uint32_t kSubgroups = 4;
  const uint32_t lanes_of_pair = matrix.lanes / matrix.m;
  Variant variant{.kernel = "attention_subgroup",
                  .constants = {{"kHeadDim", shape.head_dim},
                                {"kPairs", kSubgroups * matrix.m},
                                {"kLanes", kSubgroups * matrix.lanes},
                                {"kSubgroupLanes", matrix.lanes},
                                {"kDimMatrices", shape.head_dim / matrix.k},
                                {"kColumnMatrices", shape.head_dim / matrix.n},
                                {"kKeyMatrices", kBlockTokens / matrix.n},
                                {"kDepthMatrices", kBlockTokens / matrix.k},
                                {"kQuadsOfLane", kBlockTokens / 4 / lanes_of_pair},
                                {"kEightsOfLane", kBlockTokens / 8 / lanes_of_pair},
                                {"kLoads", ceil_div(kBlockTokens * shape.head_dim / 8,
                                                    kSubgroups * matrix.lanes)}}};
  choose_matrix(matrix, variant);
  return over_tiles(device, shape, buffers, tiles, variant, kSubgroups * matrix.m);
}

}  // namespace weft::kernels
