#include "kernels/sigmoid_gate/sigmoid_gate.h"

#include <array>

#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/sigmoid_gate.wgsl.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 128;

Dispatch sigmoid_gate(gpu::Device& device, const SigmoidGate& shape,
                      const SigmoidGateBuffers& buffers) {
  Variant variant{.kernel = "sigmoid_gate", .overrides = {{"WG", kLanes}}};
  choose_elements(shape.y, variant);
  const gpu::Pipeline pipeline = device.pipeline(compose(variant));
  const std::array bindings{buffers.gate, buffers.y};
  return {.label = "sigmoid_gate",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "sigmoid_gate"),
          .immediates = Immediates(SigmoidGateParams{.rows = 0, .cols = shape.cols}),
          .count = Count::kRows,
          .x = {.fixed = ceil_div(shape.cols, kLanes)},
          .y = {.count = Count::kRows},
          .bytes_per_count = (shape.y == Elements::kF32 ? uint64_t{12} : 8) * shape.cols};
}

}  // namespace weft::kernels
