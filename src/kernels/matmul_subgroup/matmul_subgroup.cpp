#include "kernels/matmul_subgroup/matmul_subgroup.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/matmul_join.wgsl.h"
#include "kernels/gen/matmul_subgroup.wgsl.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kJoinLanes = 128;

// Workgroups that fill a large GPU: two for each of 132 multiprocessors of the one that the table
// of variants was measured on, as no interface says how many a device has.
constexpr uint32_t kFull = 256;

// How a weight's units become halves.
void choose_halves(WeightFormat format, Variant& variant) {
  switch (format) {
    case WeightFormat::kF32:
    case WeightFormat::kBF16:
      return;
    case WeightFormat::kF16:
      variant.imports.emplace_back("unit_halves", "unit_halves_f16");
      return;
    default:
      variant.imports.emplace_back("unit_halves", "unit_halves_levels");
      variant.constants.emplace_back("kSigned", format == WeightFormat::kQ8_0 ? 1 : 0);
  }
}

uint32_t parts_of_tile(const MatmulSubgroupVariant& variant) {
  return variant.tile_rows / variant.part_rows * (variant.tile_n / variant.part_n);
}

// Eights of a unit that a lane unpacks together: as many as are its share of a tile of W.
uint32_t run_of(const MatmulSubgroupVariant& variant, WeightFormat format, uint32_t lanes) {
  const uint32_t share = variant.tile_n * variant.tile_k / 8 / lanes;
  return std::min(unit_of(format) / 8, std::bit_floor(std::max(share, 1U)));
}

// All that the shader's text depends on.
Variant shader_of(const MatmulSubgroupVariant& variant, WeightFormat format) {
  const SubgroupMatrix& matrix = variant.matrix;
  const uint32_t lanes = parts_of_tile(variant) * matrix.lanes;
  const uint32_t run = run_of(variant, format, lanes);
  Variant shader{
      .kernel = "matmul_subgroup",
      .imports = {{"weight", wgsl_name(format)}},
      .constants = {{"kTileRows", variant.tile_rows},
                    {"kTileN", variant.tile_n},
                    {"kTileK", variant.tile_k},
                    {"kPartRows", variant.part_rows},
                    {"kPartN", variant.part_n},
                    {"kSplits", variant.splits},
                    {"kRowMatrices", variant.part_rows / matrix.m},
                    {"kColumnMatrices", variant.part_n / matrix.n},
                    {"kDepthMatrices", variant.tile_k / matrix.k},
                    {"kRun", run},
                    {"kXLoads", ceil_div(variant.tile_rows * variant.tile_k / 8, lanes)},
                    {"kWLoads", ceil_div(variant.tile_n * variant.tile_k / 8, run * lanes)},
                    {"kLanes", lanes}}};
  choose_matrix(matrix, shader);
  choose_halves(format, shader);
  return shader;
}

// Of x and of W, a row padded with 16 bytes.
uint32_t tile_bytes(const MatmulSubgroupVariant& variant) {
  return (variant.tile_rows + variant.tile_n) * (2 * variant.tile_k + 16);
}

void check(const gpu::AdapterInfo& info, const Product& product,
           const MatmulSubgroupVariant& variant) {
  const WeightLayout& w = product.weight.layout;
  CHECK(variant.tile_rows % variant.part_rows == 0 && variant.tile_n % variant.part_n == 0);
  CHECK(variant.part_rows % variant.matrix.m == 0 && variant.part_n % variant.matrix.n == 0);
  CHECK(variant.tile_k % 32 == 0 && w.cols % variant.tile_k == 0);
  // The lanes stage whole rows of a tile at a time.
  CHECK(parts_of_tile(variant) * variant.matrix.lanes % (variant.tile_k / 8) == 0);
  CHECK(w.rows % 4 == 0 && product.y_stride % 4 == 0 && product.y_first % 4 == 0);
  CHECK(tile_bytes(variant) <= info.limits.max_workgroup_bytes);
  CHECK(parts_of_tile(variant) * variant.matrix.lanes <= info.limits.max_workgroup_lanes);
}

Dispatch join(gpu::Device& device, const Product& product, uint32_t splits,
              const gpu::Binding& parts) {
  const uint32_t n = product.weight.layout.rows;
  const bool has_bias = product.bias.buffer != nullptr;
  const gpu::Pipeline pipeline =
      device.pipeline(compose({.kernel = "matmul_join",
                               .overrides = {{"WG", kJoinLanes},
                                             {"SPLITS", static_cast<double>(splits)},
                                             {"HAS_BIAS", has_bias ? 1.0 : 0.0},
                                             {"ADD", product.store == Store::kAdd ? 1.0 : 0.0}}}));
  const std::array bindings{parts, product.y, has_bias ? product.bias : parts};
  return {.label = "matmul_join",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "matmul_join"),
          .immediates = Immediates(MatmulJoinParams{
              .rows = 0, .n = n, .y_stride = product.y_stride, .y_first = product.y_first}),
          .count = product.rows,
          .x = {.fixed = ceil_div(n / 4, kJoinLanes)},
          .y = {.count = product.rows},
          .bytes_per_count = uint64_t{4} * n * (splits + 1)};
}

}  // namespace

MatmulSubgroupVariant matmul_subgroup_variant(const gpu::AdapterInfo& info,
                                              const SubgroupMatrix& matrix,
                                              const WeightLayout& weight, uint32_t rows) {
  const uint32_t n = weight.rows, k = weight.cols;
  const uint32_t tile_k = k % 64 == 0 ? 64 : 32;
  const auto tiles = [&](uint32_t tile_rows, uint32_t tile_n) {
    return ceil_div(rows, tile_rows) * ceil_div(n, tile_n);
  };
  // As many splits as give `wanted` workgroups, each with some steps along K.
  const auto splits = [&](uint32_t tiles_of_y, uint32_t wanted, uint32_t most) {
    return std::clamp(std::bit_floor(std::max(wanted / tiles_of_y, 1U)), 1U,
                      std::min(most, std::bit_floor(k / tile_k)));
  };
  if (rows <= 16) return {matrix, 16, 64, tile_k, 16, 16, splits(tiles(16, 64), 512, 8)};
  if (rows <= 32) return {matrix, 32, 64, tile_k, 16, 32, splits(tiles(32, 64), 256, 8)};
  if (rows <= 64) return {matrix, 64, 64, tile_k, 32, 32, splits(tiles(64, 64), 256, 8)};
  const uint32_t large_tiles = tiles(128, 128);
  if (large_tiles >= kFull) return {matrix, 128, 128, 32, 64, 64, 1};
  if (large_tiles > kFull / 2) return {matrix, 128, 64, 32, 64, 32, 1};
  if (large_tiles >= kFull * 3 / 8) {
    const MatmulSubgroupVariant deep{matrix, 128, 128, 64, 64, 64, 1};
    if (k < 8192 && tile_k == 64 && tile_bytes(deep) <= info.limits.max_workgroup_bytes)
      return deep;
    return {matrix, 128, 128, 32, 64, 64, k % 64 == 0 ? 2U : 1U};
  }
  return {matrix, 64, 64, tile_k, 32, 32, splits(tiles(64, 64), 256, 4)};
}

bool can_matmul_subgroup(const WeightLayout& weight) {
  return weight.cols % 32 == 0 && weight.rows % 4 == 0;
}

uint64_t matmul_parts_bytes(const MatmulSubgroupVariant& variant, const WeightLayout& weight,
                            uint32_t rows) {
  if (variant.splits == 1) return 0;
  return uint64_t{variant.splits} * rows * weight.rows * sizeof(float);
}

std::vector<Dispatch> matmul_subgroup(gpu::Device& device, const Product& product,
                                      const MatmulSubgroupVariant& variant,
                                      const gpu::Binding& parts) {
  check(device.info(), product, variant);
  const WeightLayout& w = product.weight.layout;
  const bool is_split = variant.splits > 1;
  const bool has_bias = product.bias.buffer != nullptr && !is_split;
  Variant shader = shader_of(variant, w.format);
  shader.overrides = {{"HAS_BIAS", has_bias ? 1.0 : 0.0},
                      {"ADD", product.store == Store::kAdd && !is_split ? 1.0 : 0.0}};
  const gpu::Pipeline pipeline = device.pipeline(compose(shader));
  std::vector<gpu::Binding> bindings{product.x, is_split ? parts : product.y,
                                     has_bias ? product.bias : product.x};
  product.weight.bind(bindings);
  std::vector<Dispatch> dispatches;
  dispatches.push_back({.label = "matmul_subgroup",
                        .pipeline = pipeline,
                        .group = device.bind_group(pipeline, bindings, "matmul_subgroup"),
                        .immediates = Immediates(
                            MatmulSubgroupParams{.rows = 0,
                                                 .n = w.rows,
                                                 .k = w.cols,
                                                 .units = w.units,
                                                 .y_stride = is_split ? w.rows : product.y_stride,
                                                 .y_first = is_split ? 0 : product.y_first}),
                        .count = product.rows,
                        .x = {.count = product.rows, .per_group = variant.tile_rows},
                        .y = {.fixed = ceil_div(w.rows, variant.tile_n)},
                        .z = {.fixed = variant.splits},
                        .bytes = w.size_bytes,
                        .bytes_per_count = uint64_t{2} * w.cols + uint64_t{4} * w.rows,
                        .flops_per_count = uint64_t{2} * w.cols * w.rows});
  if (is_split) dispatches.push_back(join(device, product, variant.splits, parts));
  return dispatches;
}

}  // namespace weft::kernels
