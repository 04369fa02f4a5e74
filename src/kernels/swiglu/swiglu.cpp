#include "kernels/swiglu/swiglu.h"

#include <array>

#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/swiglu.wgsl.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 128;

Dispatch swiglu(gpu::Device& device, uint32_t cols, const SwigluBuffers& buffers) {
  const gpu::Pipeline pipeline =
      device.pipeline(compose({.kernel = "swiglu", .overrides = {{"WG", kLanes}}}));
  const std::array bindings{buffers.gate, buffers.up};
  return {.label = "swiglu",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "swiglu"),
          .immediates = Immediates(SwigluParams{.rows = 0, .cols = cols}),
          .count = Count::kRows,
          .x = {.fixed = ceil_div(cols, kLanes)},
          .y = {.count = Count::kRows},
          .bytes_per_count = uint64_t{12} * cols};
}

}  // namespace weft::kernels
