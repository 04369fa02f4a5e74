#include "kernels/matvec/matvec.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/matvec.wgsl.h"

namespace weft::kernels {
namespace {

std::string_view wgsl_name(XQuads x) {
  switch (x) {
    case XQuads::kDirect:
      return "x_quads";
    case XQuads::kBroadcast:
      return "x_quads_broadcast";
    case XQuads::kRagged:
      return "x_quads_ragged";
  }
  return {};
}

std::string_view wgsl_name(LaneSums sums) {
  return sums == LaneSums::kSubgroup ? "lane_sums_subgroup" : "lane_sums";
}

// Partial sums that a column of lanes leaves in workgroup memory.
uint32_t sum_places(const MatvecVariant& variant, const gpu::AdapterInfo& info) {
  if (variant.sums == LaneSums::kPlain) return variant.lanes_k;
  return ceil_div(variant.lanes_n * variant.lanes_k, info.subgroup_min);
}

gpu::Pipeline pipeline_of(gpu::Device& device, const Product& product,
                          const MatvecVariant& variant) {
  return device.pipeline(compose(
      {.kernel = "matvec",
       .imports = {{"weight", wgsl_name(product.weight.layout.format)},
                   {"x_quads", wgsl_name(variant.x)},
                   {"lane_sums", wgsl_name(variant.sums)}},
       .constants = {{"kRows", variant.rows}, {"kPerLane", variant.per_lane}},
       .overrides = {{"LANES_N", static_cast<double>(variant.lanes_n)},
                     {"LANES_K", static_cast<double>(variant.lanes_k)},
                     {"SUM_PLACES", static_cast<double>(sum_places(variant, device.info()))},
                     {"HAS_BIAS", product.bias.buffer != nullptr ? 1.0 : 0.0},
                     {"ADD", product.store == Store::kAdd ? 1.0 : 0.0}}}));
}

}  // namespace

MatvecVariant matvec_variant(const gpu::AdapterInfo& info, const WeightLayout& weight,
                             uint32_t rows) {
  MatvecVariant variant{.rows = std::bit_ceil(std::clamp(rows, 1U, 8U)),
                        .per_lane = 2,
                        .lanes_n = 8,
                        .lanes_k = std::clamp(std::bit_floor(weight.units), 8U, 32U),
                        .x = XQuads::kDirect,
                        .sums = LaneSums::kPlain};
  if (weight.cols % unit_of(weight.format) != 0) {
    variant.x = XQuads::kRagged;
    return variant;
  }
  if (!info.has_subgroups || info.subgroup_min < variant.lanes_n) return variant;
  variant.sums = LaneSums::kSubgroup;
  if (info.subgroup_max == variant.lanes_n) {
    // A subgroup is a vector register of a CPU: whole rows, no sums across lanes.
    variant.x = XQuads::kBroadcast;
    variant.lanes_k = 1;
    variant.per_lane = variant.rows < 4 ? 2 : 4;
  }
  return variant;
}

Dispatch matvec(gpu::Device& device, const Product& product, const MatvecVariant& variant) {
  const WeightLayout& w = product.weight.layout;
  CHECK(variant.x == XQuads::kRagged || w.cols % unit_of(w.format) == 0);
  CHECK(variant.x != XQuads::kBroadcast ||
        (variant.lanes_k == 1 && device.info().subgroup_min >= 8));
  CHECK(variant.sums == LaneSums::kPlain || device.info().subgroup_min >= variant.lanes_n);
  const gpu::Pipeline pipeline = pipeline_of(device, product, variant);
  const gpu::Binding& bias = product.bias.buffer != nullptr ? product.bias : product.x;
  std::vector<gpu::Binding> bindings{product.x, product.y, bias};
  product.weight.bind(bindings);
  return {.label = "matvec",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "matvec"),
          .immediates = Immediates(MatvecParams{.rows = 0,
                                                .n = w.rows,
                                                .k = w.cols,
                                                .units = w.units,
                                                .y_stride = product.y_stride,
                                                .y_first = product.y_first}),
          .count = product.rows,
          .x = {.fixed = ceil_div(w.rows, variant.lanes_n * variant.per_lane)},
          .y = {.count = product.rows, .per_group = variant.rows},
          .bytes = w.size_bytes,
          .bytes_per_count = uint64_t{4} * (w.cols + w.rows),
          .flops_per_count = uint64_t{2} * w.cols * w.rows};
}

}  // namespace weft::kernels
