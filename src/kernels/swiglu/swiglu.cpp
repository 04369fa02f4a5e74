#include "kernels/swiglu/swiglu.h"

#include <array>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/compose.h"
#include "kernels/gen/swiglu.wgsl.h"
#include "kernels/gen/swiglu_stacked.wgsl.h"

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

Dispatch stacked_swiglu(gpu::Device& device, uint32_t cols, const StackedSwigluBuffers& buffers,
                        Elements y) {
  CHECK(cols % 4 == 0);
  Variant variant{.kernel = "swiglu_stacked", .overrides = {{"WG", kLanes}}};
  choose_elements(y, variant);
  const gpu::Pipeline pipeline = device.pipeline(compose(variant));
  const std::array bindings{buffers.x, buffers.y};
  return {.label = "swiglu_stacked",
          .pipeline = pipeline,
          .group = device.bind_group(pipeline, bindings, "swiglu_stacked"),
          .immediates = Immediates(SwigluStackedParams{.rows = 0, .quads = cols / 4}),
          .count = Count::kRows,
          .x = {.fixed = ceil_div(cols / 4, kLanes)},
          .y = {.count = Count::kRows},
          .bytes_per_count = uint64_t{10} * cols};
}

}  // namespace weft::kernels
