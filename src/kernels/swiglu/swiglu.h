// y = silu(gate) * up, elementwise, where silu(x) = x / (1 + exp(-x)).
// Shazeer, "GLU Variants Improve Transformer" (2020).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/elements.h"

namespace weft::kernels {

struct SwigluBuffers {
  gpu::Binding gate;  // f32 [rows, cols]; y takes its place
  gpu::Binding up;    // f32 [rows, cols]
};

[[nodiscard]] Dispatch swiglu(gpu::Device& device, uint32_t cols, const SwigluBuffers& buffers);

struct StackedSwigluBuffers {
  gpu::Binding x;  // f32 [rows, 2, cols]: gate and up of a row
  gpu::Binding y;  // [rows, cols]
};

// `cols` is a multiple of 4.
[[nodiscard]] Dispatch stacked_swiglu(gpu::Device& device, uint32_t cols,
                                      const StackedSwigluBuffers& buffers, Elements y);

// The same in double precision.
[[nodiscard]] std::vector<double> swiglu_ref(std::span<const float> gate,
                                             std::span<const float> up);

}  // namespace weft::kernels
