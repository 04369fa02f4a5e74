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
  gpu::Binding gate_up;  // f32 [rows, 2, cols]: gate and up of a row
  gpu::Binding y;        // [rows, cols]
};

// `cols` is a multiple of 4, for chunks of 32.
[[nodiscard]] Dispatch swiglu(gpu::Device& device, uint32_t cols, const SwigluBuffers& buffers,
                              Elements y = Elements::kF32);

// The same in double precision.
[[nodiscard]] std::vector<double> swiglu_ref(std::span<const float> gate,
                                             std::span<const float> up);

}  // namespace weft::kernels
