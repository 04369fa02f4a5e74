// x[row, :] *= 1 / (1 + exp(-logits[row])), in place: how much a shared expert counts.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

struct RowGateBuffers {
  gpu::Binding logits;  // f32 [rows]
  gpu::Binding x;       // f32 [rows, cols]
};

[[nodiscard]] Dispatch row_gate(gpu::Device& device, uint32_t cols, const RowGateBuffers& buffers);

}  // namespace weft::kernels
