// RMS norms of q and k before they are rotated, in place: of each head by itself (Qwen 3, Gemma 3),
// with weights that heads share, or of all heads as one vector (OLMo 2). See rms_norm.h.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/rms_norm/rms_norm.h"

namespace weft::kernels {

// A row has q_parts parts of q_size elements, k_parts of k_size, and perhaps more, which stays.
struct QkNorm {
  uint32_t row_width;
  uint32_t q_parts, q_size;
  uint32_t k_parts, k_size;
  float eps;
};

struct QkNormBuffers {
  gpu::Binding w;  // f32 [q_size + k_size]: for each part of q, for each of k
  gpu::Binding x;  // f32 [rows, row_width]
};

[[nodiscard]] Dispatch qk_norm(gpu::Device& device, const QkNorm& shape,
                               const QkNormBuffers& buffers, WorkgroupSum sum);

}  // namespace weft::kernels
