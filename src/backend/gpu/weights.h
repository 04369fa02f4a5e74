// A model's weights on the device: matrices repacked on their way up, vectors as f32.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/error.h"
#include "gpu/device.h"
#include "kernels/repack.h"
#include "model/spec.h"

namespace weft::backend {

// Rows of a matrix, as many as fit one binding.
struct MatrixPart {
  uint32_t first_row;
  kernels::WeightLayout layout;
  gpu::Buffer buffer;
  gpu::Buffer bias;  // f32 [layout.rows], or empty

  [[nodiscard]] kernels::Weight weight() const { return {.layout = layout, .buffer = &buffer}; }
};

struct DeviceMatrix {
  uint32_t rows;
  uint32_t cols;
  std::vector<MatrixPart> parts;
};

struct DeviceLayer {
  size_t rope;            // in DeviceWeights::rope_turns
  gpu::Buffer attn_norm;  // f32 [embd]
  DeviceMatrix attn_q, attn_k, attn_v, attn_output;
  gpu::Buffer ffn_norm;
  DeviceMatrix ffn_gate, ffn_up, ffn_down;
};

struct DeviceWeights {
  DeviceMatrix token_embd;
  gpu::Buffer output_norm;
  std::optional<DeviceMatrix> untied_output;
  std::vector<gpu::Buffer> rope_turns;  // kernels::rope_turns() of each distinct table
  std::vector<DeviceLayer> layers;
  uint64_t size_bytes = 0;

  [[nodiscard]] const DeviceMatrix& output() const {
    return untied_output ? *untied_output : token_embd;
  }
};

// `progress` is told bytes of the file done and in all. An error names the tensor whose type has no
// kernel, or the buffer for which there is no room.
[[nodiscard]] Result<DeviceWeights> upload_weights(
    gpu::Device& device, const model::ModelSpec& spec,
    const std::function<void(uint64_t done, uint64_t total)>& progress);

}  // namespace weft::backend
