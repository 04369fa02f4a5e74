#include "kernels/gated_norm/gated_norm.h"

#include <array>

#include "kernels/gen/gated_norm.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 64;

Dispatch gated_norm(gpu::Device& device, const GatedNorm& shape, const GatedNormBuffers& buffers,
                    WorkgroupSum sum) {
  Variant variant{.kernel = "gated_norm", .overrides = {{"WG", kLanes}}};
  if (sum == WorkgroupSum::kSubgroup) {
    variant.imports.emplace_back("workgroup_sum", "workgroup_sum_subgroup");
  }
  choose_elements(shape.y, variant);
  return make_dispatch(device, variant, std::array{buffers.x, buffers.w, buffers.gate, buffers.y},
                       GatedNormParams{.rows = 0,
                                       .heads = shape.heads,
                                       .dim = shape.dim,
                                       .eps = shape.eps,
                                       .gate_stride = shape.gate_stride,
                                       .first_gate = shape.first_gate},
                       {.count = Count::kRows,
                        .x = {.fixed = shape.heads},
                        .y = {.count = Count::kRows},
                        .bytes_per_count = uint64_t{12} * shape.heads * shape.dim});
}

}  // namespace weft::kernels
