#include "kernels/matvec/matvec.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/checked.h"

namespace weft::kernels {
namespace {

// What a column of lanes leaves in workgroup memory.
uint32_t sum_places(const MatvecVariant& variant, const gpu::AdapterInfo& info) {
  if (variant.sums == LaneSums::kPlain) return variant.lanes_k;
  return ceil_div(variant.lanes_n * variant.lanes_k, info.subgroup_min);
}

bool has_full_subgroups(const MatvecVariant& variant, const gpu::AdapterInfo& info) {
  return info.has_subgroups && info.subgroup_min >= variant.lanes_n &&
         variant.lanes_n * variant.lanes_k % info.subgroup_max == 0;
}

}  // namespace

MatvecVariant matvec_variant(const gpu::AdapterInfo& info, const WeightLayout& weight,
                             uint32_t rows) {
  MatvecVariant variant{.rows = std::bit_ceil(std::clamp(rows, 1U, kMaxMatvecRows)),
                        .per_lane = 2,
                        .lanes_n = 8,
                        .lanes_k = std::clamp(std::bit_floor(weight.units), 8U, 32U),
                        .x = x_quads_for(weight),
                        .sums = LaneSums::kPlain};
  if (!has_full_subgroups(variant, info)) return variant;
  variant.sums = LaneSums::kSubgroup;
  if (info.subgroup_max == variant.lanes_n && variant.x == XQuads::kDirect) {
    // A subgroup is a vector register of a CPU: whole rows, no sums across lanes.
    variant.x = XQuads::kBroadcast;
    variant.lanes_k = 1;
    variant.per_lane = variant.rows < 4 ? 2 : 4;
  }
  return variant;
}

Dispatch matvec(gpu::Device& device, const Product& product, const MatvecVariant& variant) {
  const gpu::AdapterInfo& info = device.info();
  const uint32_t places = sum_places(variant, info);
  CHECK(!product.experts);
  CHECK(variant.sums == LaneSums::kPlain || has_full_subgroups(variant, info));
  CHECK(variant.x != XQuads::kBroadcast ||
        (variant.sums == LaneSums::kSubgroup && variant.lanes_k == 1 && info.subgroup_min >= 8));
  Dispatch dispatch = product_dispatch(
      device, product, variant.x,
      {.kernel = "matvec",
       .imports = {{"lane_sums",
                    variant.sums == LaneSums::kSubgroup ? "lane_sums_subgroup" : "lane_sums"}},
       .constants = {{"kRows", variant.rows}, {"kPerLane", variant.per_lane}},
       .overrides = {{"LANES_N", static_cast<double>(variant.lanes_n)},
                     {"LANES_K", static_cast<double>(variant.lanes_k)},
                     {"SUM_PLACES", static_cast<double>(places)}}});
  const uint32_t group_n = variant.lanes_n * variant.per_lane;
  dispatch.label = "matvec";
  dispatch.x = {.fixed = ceil_div(product.weight.layout.rows, group_n)};
  dispatch.y = {.count = product.rows, .per_group = variant.rows};
  return dispatch;
}

}  // namespace weft::kernels
