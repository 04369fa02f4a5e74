#include "kernels/rms_norm/rms_norm.h"

#include <array>

#include "kernels/compose.h"
#include "kernels/gen/rms_norm.wgsl.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kLanes = 256;

Variant variant_of(WorkgroupSum sum) {
  Variant variant{.kernel = "rms_norm", .overrides = {{"WG", kLanes}}};
  if (sum == WorkgroupSum::kSubgroup) {
    variant.imports = {{"workgroup_sum", "workgroup_sum_subgroup"}};
  }
  return variant;
}

}  // namespace

WorkgroupSum workgroup_sum_for(const gpu::AdapterInfo& info) {
  return info.has_subgroups ? WorkgroupSum::kSubgroup : WorkgroupSum::kPlain;
}

Dispatch rms_norm(gpu::Device& device, const RmsNorm& shape, const RmsNormBuffers& buffers,
                  WorkgroupSum sum) {
  const gpu::Pipeline pipeline = device.pipeline(compose(variant_of(sum)));
  const std::array bindings{buffers.x, buffers.w, buffers.y};
  return {.label = "rms_norm",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "rms_norm"),
          .immediates = Immediates(RmsNormParams{.rows = 0, .cols = shape.cols, .eps = shape.eps}),
          .count = shape.rows,
          .x = {.count = shape.rows},
          .bytes = uint64_t{4} * shape.cols,
          .bytes_per_count = uint64_t{8} * shape.cols,
          .flops_per_count = uint64_t{4} * shape.cols};
}

}  // namespace weft::kernels
