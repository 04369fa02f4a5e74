#include "kernels/rms_norm/rms_norm.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/rms_norm.wgsl.h"

namespace weft::kernels {
namespace {

// Four elements a lane where that many lanes are allowed.
uint32_t lanes_for(const gpu::AdapterInfo& info, uint32_t cols) {
  return std::clamp(std::bit_ceil(cols / 4), 256U, info.limits.max_workgroup_lanes);
}

Variant variant_of(const gpu::AdapterInfo& info, const RmsNorm& shape, WorkgroupSum sum,
                   bool gathers) {
  const uint32_t lanes = lanes_for(info, shape.cols);
  Variant variant{.kernel = "rms_norm",
                  .constants = {{"kRounds", ceil_div(shape.cols, lanes)}},
                  .overrides = {{"WG", static_cast<double>(lanes)},
                                {"ADD", shape.store == Store::kAdd ? 1.0 : 0.0},
                                {"CENTERED", shape.centered ? 1.0 : 0.0},
                                {"HAS_BIAS", shape.has_bias ? 1.0 : 0.0}}};
  if (sum == WorkgroupSum::kSubgroup) {
    variant.imports.emplace_back("workgroup_sum", "workgroup_sum_subgroup");
  }
  choose_elements(shape.y, variant);
  if (gathers) variant.imports.emplace_back("source_row", "source_row_of_output");
  return variant;
}

}  // namespace

WorkgroupSum workgroup_sum_for(const gpu::AdapterInfo& info) {
  return info.has_subgroups ? WorkgroupSum::kSubgroup : WorkgroupSum::kPlain;
}

Dispatch rms_norm(gpu::Device& device, const RmsNorm& shape, const RmsNormBuffers& buffers,
                  WorkgroupSum sum) {
  const bool gathers = buffers.outputs.buffer != nullptr;
  const Count count = gathers ? Count::kOutputs : Count::kRows;
  const gpu::Pipeline pipeline =
      device.pipeline(compose(variant_of(device.info(), shape, sum, gathers)));
  std::vector<gpu::Binding> bindings{buffers.x, buffers.w, buffers.y};
  if (gathers) bindings.push_back(buffers.outputs);
  return {.label = "rms_norm",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "rms_norm"),
          .immediates = Immediates(RmsNormParams{.rows = 0, .cols = shape.cols, .eps = shape.eps}),
          .count = count,
          .x = {.count = count},
          .bytes = uint64_t{4} * shape.cols,
          .bytes_per_count = uint64_t{8} * shape.cols,
          .flops_per_count = uint64_t{4} * shape.cols};
}

}  // namespace weft::kernels
