// y = activate(gate) * up, elementwise: SwiGLU, or GeGLU; Activation has another of both. Or
// y = activate(up), without a gate.
// Shazeer, "GLU Variants Improve Transformer" (2020).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/device.h"
#include "kernels/activation.h"
#include "kernels/dispatch.h"
#include "kernels/elements.h"

namespace weft::kernels {

struct Swiglu {
  uint32_t cols;  // a multiple of 4, for chunks of 32
  Activation activation = Activation::kSilu;
  Elements y = Elements::kF32;
  bool gated = true;
  uint32_t rows_each = 1;  // rows of gate_up and y for each row of the step
};

struct SwigluBuffers {
  gpu::Binding gate_up;  // f32 [rows, 2, cols]: gate and up of a row; or [rows, cols]
  gpu::Binding y;        // [rows, cols]
  gpu::Binding choices;  // ExpertChoice [rows]: the gate is multiplied by its weight; or no buffer
};

[[nodiscard]] Dispatch swiglu(gpu::Device& device, const Swiglu& shape,
                              const SwigluBuffers& buffers);

// With a gate, in double precision.
[[nodiscard]] std::vector<double> swiglu_ref(std::span<const float> gate, std::span<const float> up,
                                             Activation activation);

}  // namespace weft::kernels
