#include "kernels/soft_cap/soft_cap.h"

#include <array>

#include "base/checked.h"
#include "kernels/gen/soft_cap.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 256;

Dispatch soft_cap(gpu::Device& device, uint32_t cols, float cap, const gpu::Binding& x) {
  return make_dispatch(device, {.kernel = "soft_cap", .overrides = {{"WG", kLanes}}}, std::array{x},
                       SoftCapParams{.rows = 0, .cols = cols, .cap = cap},
                       {.count = Count::kOutputs,
                        .x = {.fixed = ceil_div(cols, kLanes)},
                        .y = {.count = Count::kOutputs},
                        .bytes_per_count = uint64_t{8} * cols});
}

}  // namespace weft::kernels
