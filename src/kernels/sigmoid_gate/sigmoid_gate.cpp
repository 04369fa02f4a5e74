#include "kernels/sigmoid_gate/sigmoid_gate.h"

#include <array>

#include "base/checked.h"
#include "kernels/gen/sigmoid_gate.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 128;

Dispatch sigmoid_gate(gpu::Device& device, const SigmoidGate& shape,
                      const SigmoidGateBuffers& buffers) {
  Variant variant{.kernel = "sigmoid_gate", .overrides = {{"WG", kLanes}}};
  choose_elements(shape.y, variant);
  return make_dispatch(
      device, variant, std::array{buffers.gate, buffers.y},
      SigmoidGateParams{.rows = 0, .cols = shape.cols},
      {.count = Count::kRows,
       .x = {.fixed = ceil_div(shape.cols, kLanes)},
       .y = {.count = Count::kRows},
       .bytes_per_count = (shape.y == Elements::kF32 ? uint64_t{12} : 8) * shape.cols});
}

}  // namespace weft::kernels
