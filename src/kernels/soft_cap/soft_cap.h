// x = cap * tanh(x / cap), in place: what keeps Gemma 2's logits within +-cap.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

// `x`: f32 [outputs, cols].
[[nodiscard]] Dispatch soft_cap(gpu::Device& device, uint32_t cols, float cap,
                                const gpu::Binding& x);

}  // namespace weft::kernels
