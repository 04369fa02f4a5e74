// y = silu(gate) * up, elementwise, where silu(x) = x / (1 + exp(-x)).
// Shazeer, "GLU Variants Improve Transformer" (2020).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

struct SwigluBuffers {
  gpu::Binding gate;  // f32 [rows, cols]; y takes its place
  gpu::Binding up;    // f32 [rows, cols]
};

[[nodiscard]] Dispatch swiglu(gpu::Device& device, uint32_t cols, const SwigluBuffers& buffers);

// The same in double precision.
[[nodiscard]] std::vector<double> swiglu_ref(std::span<const float> gate,
                                             std::span<const float> up);

}  // namespace weft::kernels
