// y[r, c] = x[r, c] * w[c] / sqrt(mean(x[r, :]^2) + eps), for each row of the step; or for the rows
// that are outputs alone, gathered: y has a row for each output then. Or added to what y holds.
// Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019). Centered, with x - mean(x) for
// x, it is a layer norm (Ba et al., 2016), mostly with biases.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/elements.h"
#include "kernels/product/product.h"

namespace weft::kernels {

struct RmsNorm {
  uint32_t cols = 0;
  float eps = 0;
  Elements y = Elements::kF32;
  Store store = Store::kReplace;
  bool centered = false;
  bool has_bias = false;
};

struct RmsNormBuffers {
  gpu::Binding x;        // f32 [rows, cols]
  gpu::Binding w;        // f32 [cols]; [2, cols] with biases
  gpu::Binding y;        // [rows or outputs, cols]
  gpu::Binding outputs;  // u32 [outputs]: the row of each; or no buffer
};

enum class WorkgroupSum : uint8_t { kPlain, kSubgroup };

// The faster one where the device has it.
[[nodiscard]] WorkgroupSum workgroup_sum_for(const gpu::AdapterInfo& info);

[[nodiscard]] Dispatch rms_norm(gpu::Device& device, const RmsNorm& shape,
                                const RmsNormBuffers& buffers, WorkgroupSum sum);

// The RMS norm in double precision: [rows, cols].
[[nodiscard]] std::vector<double> rms_norm_ref(std::span<const float> x, std::span<const float> w,
                                               double eps);

// The layer norm likewise.
[[nodiscard]] std::vector<double> layer_norm_ref(std::span<const float> x, std::span<const float> w,
                                                 std::span<const float> bias, double eps);

}  // namespace weft::kernels
