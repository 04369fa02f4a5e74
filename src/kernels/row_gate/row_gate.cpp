#include "kernels/row_gate/row_gate.h"

#include <array>

#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/row_gate.wgsl.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 256;

Dispatch row_gate(gpu::Device& device, uint32_t cols, const RowGateBuffers& buffers) {
  const gpu::Pipeline pipeline =
      device.pipeline(compose({.kernel = "row_gate", .overrides = {{"WG", kLanes}}}));
  const std::array bindings{buffers.logits, buffers.x};
  return {.label = "row_gate",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "row_gate"),
          .immediates = Immediates(RowGateParams{.rows = 0, .cols = cols}),
          .count = Count::kRows,
          .x = {.fixed = ceil_div(cols, kLanes)},
          .y = {.count = Count::kRows},
          .bytes_per_count = uint64_t{8} * cols};
}

}  // namespace weft::kernels
