#include "kernels/expert_matvec/expert_matvec.h"

#include "base/check.h"
#include "base/checked.h"
#include "kernels/choose_weight.h"
#include "kernels/gen/expert_matvec.wgsl.h"
#include "kernels/make_dispatch.h"
#include "kernels/matvec/matvec.h"
#include "kernels/product/product_parts.h"

namespace weft::kernels {
namespace {

struct Ends {
  gpu::Binding x, y;
  uint32_t y_stride, y_first;
  bool sums;
};

Dispatch make(gpu::Device& device, const ExpertProduct& product, const Ends& ends) {
  const WeightLayout& w = product.weight.layout;
  CHECK(product.n > 0 && w.rows % product.n == 0 && product.used > 0);
  const MatvecVariant variant = matvec_variant(device.info(), w, 1);
  const bool has_bias = product.bias.buffer != nullptr;
  const bool by_subgroup = variant.sums == LaneSums::kSubgroup;
  const uint32_t places =
      by_subgroup ? ceil_div(variant.lanes_n * variant.lanes_k, device.info().subgroup_min)
                  : variant.lanes_k;
  Variant shader{.kernel = "expert_matvec",
                 .imports = {{"x_quads", wgsl_name(variant.x)},
                             {"lane_sums", by_subgroup ? "lane_sums_subgroup" : "lane_sums"}},
                 .constants = {{"kPerLane", variant.per_lane}},
                 .overrides = {{"LANES_N", static_cast<double>(variant.lanes_n)},
                               {"LANES_K", static_cast<double>(variant.lanes_k)},
                               {"SUM_PLACES", static_cast<double>(places)},
                               {"SUM", ends.sums ? 1.0 : 0.0},
                               {"HAS_BIAS", has_bias ? 1.0 : 0.0}}};
  choose_weight(w.format, shader);
  std::vector<gpu::Binding> bindings{ends.x, ends.y, has_bias ? product.bias : ends.x};
  product.weight.bind(bindings);
  bindings.push_back(product.choices);
  const uint64_t expert_bytes = w.size_bytes / (w.rows / product.n);
  return make_dispatch(
      device, shader, bindings,
      ExpertMatvecParams{.rows = 0,
                         .n = product.n,
                         .k = w.cols,
                         .units = w.units,
                         .y_stride = ends.y_stride,
                         .y_first = ends.y_first,
                         .used = product.used,
                         .first_expert = product.first_expert,
                         .experts = w.rows / product.n},
      {.count = Count::kRows,
       .x = {.fixed = ceil_div(product.n, variant.lanes_n * variant.per_lane)},
       .y = {.count = Count::kRows},
       .z = {.fixed = ends.sums ? 1 : product.used},
       .bytes_per_count = product.used * (expert_bytes + uint64_t{4} * (w.cols + product.n)),
       .flops_per_count = uint64_t{2} * product.used * w.cols * product.n});
}

}  // namespace

Dispatch expert_matvec(gpu::Device& device, const ExpertProduct& product, const EachExpert& ends) {
  return make(device, product,
              {.x = ends.x,
               .y = ends.y,
               .y_stride = ends.y_stride,
               .y_first = ends.y_first,
               .sums = false});
}

Dispatch expert_matvec(gpu::Device& device, const ExpertProduct& product,
                       const SumOfExperts& ends) {
  return make(device, product,
              {.x = ends.x, .y = ends.y, .y_stride = product.n, .y_first = 0, .sums = true});
}

}  // namespace weft::kernels
