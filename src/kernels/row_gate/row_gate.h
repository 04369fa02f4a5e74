// x[row, :] *= 1 / (1 + exp(-logits[row])), in place: how much a shared expert counts.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/elements.h"

namespace weft::kernels {

struct RowGate {
  uint32_t cols;
  Elements x = Elements::kF32;
};

struct RowGateBuffers {
  gpu::Binding logits;  // f32 [rows]
  gpu::Binding x;       // [rows, cols]
};

[[nodiscard]] Dispatch row_gate(gpu::Device& device, const RowGate& shape,
                                const RowGateBuffers& buffers);

}  // namespace weft::kernels
