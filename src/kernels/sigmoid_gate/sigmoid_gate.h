// y[r, c] *= sigmoid(gate[r, c]), in place: the gate on attention's result.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/elements.h"

namespace weft::kernels {

struct SigmoidGate {
  uint32_t cols;  // for chunks a multiple of 32
  Elements y = Elements::kF32;
};

struct SigmoidGateBuffers {
  gpu::Binding gate;  // f32 [rows, cols]
  gpu::Binding y;     // [rows, cols]
};

[[nodiscard]] Dispatch sigmoid_gate(gpu::Device& device, const SigmoidGate& shape,
                                    const SigmoidGateBuffers& buffers);

// In double precision.
[[nodiscard]] double sigmoid_gate_ref(double y, double gate);

}  // namespace weft::kernels
