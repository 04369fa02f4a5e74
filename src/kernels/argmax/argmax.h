// The token of the largest logit of each output, of equal ones the lowest; also put into the slot
// of the output's row, where the next step finds its input.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

// What an output gets whose logits are all NaN or minus infinity.
inline constexpr uint32_t kNoToken = 0xffffffffU;

struct ArgmaxBuffers {
  gpu::Binding logits;       // f32 [outputs, vocab]
  gpu::Binding rows;         // Row [rows]
  gpu::Binding outputs;      // u32 [outputs]: the row of each output
  gpu::Binding scratch;      // argmax_scratch_bytes(vocab, max_outputs)
  gpu::Binding sampled;      // u32 [outputs]
  gpu::Binding slot_tokens;  // u32 [slots]
};

[[nodiscard]] uint64_t argmax_scratch_bytes(uint32_t vocab, uint32_t max_outputs);

[[nodiscard]] std::array<Dispatch, 2> argmax(gpu::Device& device, uint32_t vocab,
                                             const ArgmaxBuffers& buffers);

[[nodiscard]] uint32_t argmax_ref(std::span<const float> logits);

}  // namespace weft::kernels
