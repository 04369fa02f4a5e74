#include "kernels/short_conv/short_conv.h"

#include <array>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/gen/short_conv.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 64;

Dispatch short_conv(gpu::Device& device, const ShortConv& shape, const ShortConvBuffers& buffers) {
  CHECK(shape.taps >= 2);
  return make_dispatch(
      device,
      {.kernel = "short_conv",
       .constants = {{"kTaps", shape.taps},
                     {"kKept", shape.taps - 1},
                     {"kShifted", shape.taps - 2}},
       .overrides = {{"WG", kLanes}}},
      std::array{buffers.sequences, buffers.x, buffers.w, buffers.states, buffers.y},
      ShortConvParams{.sequences = 0, .channels = shape.channels, .x_stride = shape.x_stride},
      {.count = Count::kSequences,
       .x = {.fixed = ceil_div(shape.channels, kLanes)},
       .y = {.count = Count::kSequences},
       .bytes = uint64_t{4} * shape.taps * shape.channels,
       .bytes_per_count = uint64_t{8} * shape.taps * shape.channels});
}

}  // namespace weft::kernels
