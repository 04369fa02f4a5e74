#include "kernels/matmul_dot/matmul_dot.h"

#include <array>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/gen/quantize_rows.wgsl.h"
#include "kernels/make_dispatch.h"
#include "kernels/product/product_parts.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kUnit = 32;       // of x_int16
constexpr uint32_t kRowLanes = 256;  // of quantize_rows
constexpr uint32_t kLaneRows = 8, kLanesN = 16;
constexpr uint32_t kSubgroupLanes = 4;  // that have a unit of x
constexpr uint32_t kSlots = 264;        // workgroups that fill a large device

}  // namespace

bool can_matmul_dot(const gpu::AdapterInfo& info, const WeightLayout& weight) {
  return info.has_packed_dots && info.has_subgroups && info.subgroup_min >= kSubgroupLanes &&
         unit_of(weight.format) == kUnit;
}

DotScratchBytes matmul_dot_scratch_bytes(uint32_t k, uint32_t rows) {
  return {.rows = uint64_t{2} * rows * k, .lines = uint64_t{16} * rows * (k / kUnit)};
}

Dispatch quantize_units(gpu::Device& device, Count rows, const gpu::Binding& x, uint32_t k,
                        const DotScratch& scratch, uint32_t rows_each) {
  CHECK(k % kUnit == 0);
  const Variant variant{.kernel = "quantize_rows",
                        .imports = {{"x_place", "x_place_units"}, {"x_norm", "x_no_norm"}},
                        .constants = {{"kRounds", ceil_div(k, 8 * kRowLanes)}},
                        .overrides = {{"WG", kRowLanes}, {"K", static_cast<double>(k)}}};
  return make_dispatch(device, variant, std::array{x, scratch.rows, scratch.lines},
                       QuantizeRowsParams{.rows = 0},
                       {.count = rows,
                        .x = {.count = rows, .fixed = rows_each},
                        .bytes_per_count = uint64_t{k} * rows_each * 13 / 2});
}

MatmulDotVariant matmul_dot_variant(const gpu::AdapterInfo& info, const WeightLayout& weight,
                                    uint32_t rows) {
  const bool is_cpu = info.kind == gpu::AdapterKind::kSoftware;
  MatmulDotVariant variant{.tile_rows = rows <= 16   ? 16U
                                        : rows <= 32 ? 32U
                                                     : 64U,
                           .tile_n = 64,
                           .loops = is_cpu ? Loops::kKept : Loops::kUnrolled};
  const auto tiles = [&] {
    return ceil_div(rows, variant.tile_rows) * ceil_div(weight.rows, variant.tile_n);
  };
  while (variant.tile_rows > 16 && tiles() < kSlots) variant.tile_rows /= 2;
  return variant;
}

Dispatch matmul_dot(gpu::Device& device, const Product& product, const DotScratch& scratch,
                    const MatmulDotVariant& variant) {
  const WeightLayout& weight = product.weight.layout;
  CHECK(can_matmul_dot(device.info(), weight));
  CHECK(variant.tile_rows % kLaneRows == 0 && variant.tile_n % kLanesN == 0);
  CHECK(variant.tile_rows + variant.tile_n <= kMaxDotTile);
  Product of_bytes = product;
  of_bytes.x = scratch.rows;
  Dispatch dispatch =
      product_dispatch(device, of_bytes,
                       {.kernel = "matmul_dot",
                        .constants = {{"kTileRows", variant.tile_rows},
                                      {"kTileN", variant.tile_n},
                                      {"kRowsOfLane", variant.tile_rows / kLaneRows},
                                      {"kColumnsOfLane", variant.tile_n / kLanesN}},
                        .loops = variant.loops},
                       {&scratch.lines, 1});
  dispatch.label = "matmul_dot";
  dispatch.x = tiles_of_rows(product, variant.tile_rows);
  dispatch.y = {.fixed = ceil_div(matrix_of(product).rows, variant.tile_n)};
  return dispatch;
}

}  // namespace weft::kernels
