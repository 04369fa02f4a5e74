// y[row, :] += the sum over the row's choices of weight * x[row, choice, :], always in their order.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

struct ExpertSumBuffers {
  gpu::Binding x;        // f32 [rows, used, cols]
  gpu::Binding choices;  // ExpertChoice [rows, used]
  gpu::Binding y;        // f32 [rows, cols]
};

// `cols` is a multiple of 4.
[[nodiscard]] Dispatch expert_sum(gpu::Device& device, uint32_t used, uint32_t cols,
                                  const ExpertSumBuffers& buffers);

}  // namespace weft::kernels
