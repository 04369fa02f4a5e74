#include "kernels/expert_sum/expert_sum.h"

#include <array>

#include "base/check.h"
#include "base/checked.h"
#include "kernels/gen/expert_sum.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {

constexpr uint32_t kLanes = 128;

Dispatch expert_sum(gpu::Device& device, uint32_t used, uint32_t cols,
                    const ExpertSumBuffers& buffers) {
  CHECK(cols % 4 == 0);
  return make_dispatch(device, {.kernel = "expert_sum", .overrides = {{"WG", kLanes}}},
                       std::array{buffers.x, buffers.choices, buffers.y},
                       ExpertSumParams{.rows = 0, .used = used, .quads = cols / 4},
                       {.count = Count::kRows,
                        .x = {.fixed = ceil_div(cols / 4, kLanes)},
                        .y = {.count = Count::kRows},
                        .bytes_per_count = uint64_t{4} * cols * (used + 2)});
}

}  // namespace weft::kernels
