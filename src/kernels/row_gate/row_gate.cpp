#include "kernels/row_gate/row_gate.h"

#include <array>

#include "base/checked.h"
#include "kernels/gen/row_gate.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 256;

Dispatch row_gate(gpu::Device& device, const RowGate& shape, const RowGateBuffers& buffers) {
  Variant variant{.kernel = "row_gate", .overrides = {{"WG", kLanes}}};
  choose_elements(shape.x, variant);
  return make_dispatch(
      device, variant, std::array{buffers.logits, buffers.x},
      RowGateParams{.rows = 0, .cols = shape.cols},
      {.count = Count::kRows,
       .x = {.fixed = ceil_div(shape.cols, kLanes)},
       .y = {.count = Count::kRows},
       .bytes_per_count = (shape.x == Elements::kF32 ? uint64_t{8} : 4) * shape.cols});
}

}  // namespace weft::kernels
