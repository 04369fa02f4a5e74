#include "kernels/swiglu/swiglu.h"

#include <array>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/gen/swiglu.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 128;

Dispatch swiglu(gpu::Device& device, const Swiglu& shape, const SwigluBuffers& buffers) {
  CHECK(shape.cols % 4 == 0);
  CHECK(shape.gated || shape.activation != Activation::kClampedSwiglu);
  const bool is_weighed = buffers.choices.buffer != nullptr;
  CHECK(shape.gated || !is_weighed);
  Variant variant{
      .kernel = "swiglu",
      .imports = {{"activation", wgsl_name(shape.activation)}},
      .overrides = {
          {"WG", kLanes}, {"GATED", shape.gated ? 1.0 : 0.0}, {"WEIGHED", is_weighed ? 1.0 : 0.0}}};
  choose_elements(shape.y, variant);
  return make_dispatch(
      device, variant,
      std::array{buffers.gate_up, buffers.y, is_weighed ? buffers.choices : buffers.gate_up},
      SwigluParams{.rows = 0, .quads = shape.cols / 4},
      {.count = Count::kRows,
       .x = {.fixed = ceil_div(shape.cols / 4, kLanes)},
       .y = {.count = Count::kRows, .fixed = shape.rows_each},
       .bytes_per_count =
           (shape.y == Elements::kF32 ? uint64_t{12} : 10) * shape.cols * shape.rows_each});
}

}  // namespace weft::kernels
