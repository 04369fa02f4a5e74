#include "kernels/qk_norm/qk_norm.h"

#include <algorithm>
#include <array>
#include <bit>

#include "kernels/gen/qk_norm.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {

Dispatch qk_norm(gpu::Device& device, const QkNorm& shape, const QkNormBuffers& buffers,
                 WorkgroupSum sum) {
  const uint32_t lanes =
      std::clamp(std::bit_ceil(std::max(shape.q_size, shape.k_size) / 4), 64U, 256U);
  Variant variant{.kernel = "qk_norm", .overrides = {{"WG", static_cast<double>(lanes)}}};
  if (sum == WorkgroupSum::kSubgroup) {
    variant.imports.emplace_back("workgroup_sum", "workgroup_sum_subgroup");
  }
  return make_dispatch(device, variant, std::array{buffers.w, buffers.x},
                       QkNormParams{.rows = 0,
                                    .row_width = shape.row_width,
                                    .q_parts = shape.q_parts,
                                    .q_size = shape.q_size,
                                    .k_size = shape.k_size,
                                    .eps = shape.eps},
                       {.count = Count::kRows,
                        .x = {.fixed = shape.q_parts + shape.k_parts},
                        .y = {.count = Count::kRows},
                        .bytes_per_count = uint64_t{8} * (shape.q_parts * shape.q_size +
                                                          shape.k_parts * shape.k_size)});
}

}  // namespace weft::kernels
