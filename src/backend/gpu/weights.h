// A model's weights on the device: matrices repacked on their way up, vectors as f32.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
  std::shared_ptr<const gpu::Buffer> buffer;  // perhaps of several matrices
  gpu::Buffer bias;                           // f32 [layout.rows], or empty

  [[nodiscard]] kernels::Weight weight() const {
    return {.layout = layout, .buffer = buffer.get()};
  }
};

struct DeviceMatrix {
  uint32_t rows;
  uint32_t cols;
  std::vector<MatrixPart> parts;
};

// Matrices that meet the same input, one below the other; neighbours of one format share a buffer.
struct MatrixStack {
  struct Run {
    uint32_t first_row;  // of the stack
    kernels::Weight weight;
  };
  std::vector<DeviceMatrix> matrices;
  std::vector<Run> runs;  // empty where a matrix has a bias or is in parts
};

// The same matrix of every expert; of neighbouring ones as many in a part as fit one binding.
struct ExpertMatrices {
  struct Part {
    uint32_t first_expert;
    kernels::WeightLayout layout;
    std::unique_ptr<const gpu::Buffer> buffer;

    [[nodiscard]] kernels::Weight weight() const {
      return {.layout = layout, .buffer = buffer.get()};
    }
  };
  uint32_t rows;       // of one expert
  uint32_t first_row;  // of the results that lie side by side
  std::vector<Part> parts;
  gpu::Buffer bias;  // f32 [experts, rows], or empty
};

struct DeviceMixture {
  DeviceMatrix router;
  std::vector<ExpertMatrices> gate_up;  // together, or where their types differ gate and then up
  ExpertMatrices down;
  std::optional<DeviceMatrix> shared_router;
};

using Norm = gpu::Buffer;  // f32 weights and biases; or empty, where there is no norm

struct DeviceDeltaNet {
  MatrixStack in;       // qkv, gate, beta, alpha
  gpu::Buffer conv;     // f32 [channels, taps]
  gpu::Buffer lengths;  // f32 [2, k_dim]: with kernels::qk_norm they make q and k of their lengths
  gpu::Buffer heads;    // f32 [2, v_heads]: decay, dt_bias
  Norm norm;
};

struct DeviceLayer {
  std::optional<DeviceDeltaNet> delta_net;  // then there is nothing of attention but its output
  size_t rope;                              // in DeviceWeights::rope_turns
  Norm attn_norm;
  MatrixStack qkv;
  std::optional<DeviceMatrix> attn_gate;
  Norm qk_norm;            // q's weights and then k's
  gpu::Buffer attn_sinks;  // f32 [heads], or empty
  DeviceMatrix attn_output;
  Norm attn_post_norm;
  Norm ffn_norm;
  MatrixStack gate_up;  // up alone where there is no gate; empty where the MLP is a mixture only
  DeviceMatrix ffn_down;
  std::optional<DeviceMixture> mixture;
  Norm ffn_post_norm;
};

struct DeviceWeights {
  DeviceMatrix token_embd;
  std::optional<DeviceMatrix> position_embd;
  Norm output_norm;  // times the scale of the logits
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
