// The short convolution of Gated DeltaNet layers: of each channel by itself, along the rows of a
// sequence. y[r, c] = silu(sum over j < taps of w[c, j] * x[r - taps + 1 + j, c]), where rows
// before the step's are those that the sequence left in its slot, or 0 before position 0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

struct ShortConv {
  uint32_t channels;
  uint32_t taps;      // at least 2
  uint32_t x_stride;  // from row to row of x, at least `channels`
};

struct ShortConvBuffers {
  gpu::Binding sequences;  // Sequence [sequences]
  gpu::Binding x;          // f32 [rows, x_stride]
  gpu::Binding w;          // f32 [channels, taps]
  gpu::Binding states;     // f32 [states, taps - 1, channels]: rows of x, the oldest first
  gpu::Binding y;          // f32 [rows, channels]
};

[[nodiscard]] Dispatch short_conv(gpu::Device& device, const ShortConv& shape,
                                  const ShortConvBuffers& buffers);

// One sequence from position 0 on, x and the result [rows, channels], in double precision.
[[nodiscard]] std::vector<double> short_conv_ref(std::span<const float> x, std::span<const float> w,
                                                 uint32_t channels);

}  // namespace weft::kernels
