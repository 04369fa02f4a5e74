// An RMS norm of each head by itself, times a gate: what a Gated DeltaNet layer does with what it
// read, y[r, h, c] = x[r, h, c] / sqrt(mean(x[r, h, :]^2) + eps) * w[c] * silu(gate[r, h, c]).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/elements.h"
#include "kernels/rms_norm/rms_norm.h"

namespace weft::kernels {

struct GatedNorm {
  uint32_t heads;
  uint32_t dim;  // of a head; for chunks, heads * dim is a multiple of 32
  float eps;
  uint32_t gate_stride, first_gate;  // from row to row of gate, and in a row
  Elements y = Elements::kF32;
};

struct GatedNormBuffers {
  gpu::Binding x;     // f32 [rows, heads, dim]
  gpu::Binding w;     // f32 [dim]
  gpu::Binding gate;  // f32 [rows, gate_stride]
  gpu::Binding y;     // [rows, heads * dim]
};

[[nodiscard]] Dispatch gated_norm(gpu::Device& device, const GatedNorm& shape,
                                  const GatedNormBuffers& buffers, WorkgroupSum sum);

// In double precision, gate as wide as x.
[[nodiscard]] std::vector<double> gated_norm_ref(std::span<const float> x, std::span<const float> w,
                                                 std::span<const float> gate, double eps);

}  // namespace weft::kernels
