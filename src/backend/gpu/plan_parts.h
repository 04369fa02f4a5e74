// What the files that make plans share.
#pragma once

#include <cstddef>
#include <vector>

#include "backend/gpu/plan.h"
#include "backend/gpu/weights.h"
#include "gpu/device.h"
#include "kernels/activation.h"
#include "kernels/product/product.h"
#include "kernels/rope_kv/rope_kv.h"
#include "model/spec.h"

namespace weft::backend {

[[nodiscard]] inline gpu::Binding whole(const gpu::Buffer& buffer) { return {.buffer = &buffer}; }

[[nodiscard]] inline gpu::Binding bias_of(const MatrixPart& part) {
  return part.bias.size_bytes() > 0 ? whole(part.bias) : gpu::Binding{};
}

[[nodiscard]] inline gpu::Binding bias_of(const ExpertMatrices& matrices) {
  return matrices.bias.size_bytes() > 0 ? whole(matrices.bias) : gpu::Binding{};
}

[[nodiscard]] inline bool is_there(const Norm& norm) { return norm.size_bytes() > 0; }

// The residual stream is kept divided by what attention and MLP are scaled by before they are added
// to it. Norms of it do not see that, but for their epsilon.
[[nodiscard]] inline float residual_eps(const model::ModelSpec& spec) {
  return spec.norm_eps / (spec.residual_scale * spec.residual_scale);
}

[[nodiscard]] kernels::Activation activation_of(const model::Mlp& mlp);

[[nodiscard]] kernels::RopeKv rope_shape(const model::Attention& attention);

// Of a product with all of a matrix, one for each of its parts.
[[nodiscard]] std::vector<kernels::Product> products_of(const DeviceMatrix& matrix,
                                                        const gpu::Buffer& x, const gpu::Buffer& y,
                                                        kernels::Store store);

// y's rows have the stack's results side by side; one product makes those that share a buffer.
[[nodiscard]] std::vector<kernels::Product> products_of(const MatrixStack& stack,
                                                        const gpu::Buffer& x, const gpu::Buffer& y);

// Of the q and k in `qkv`, where the layer has such norms.
void add_qk_norm(const PlanInputs& in, size_t layer, Plan& plan);

// Adds the norm of `normed` to the residual stream.
void add_post_norm(const PlanInputs& in, const Norm& norm, Plan& plan);

// From `qkv` to the rotated q and the KV cache.
[[nodiscard]] Result<void> add_rope_kv(const PlanInputs& in, size_t layer, kernels::Elements q,
                                       Plan& plan);

// From `q` to `attended`, for steps of at most kMaxFewRows rows.
[[nodiscard]] Result<void> add_attention_of_rows(const PlanInputs& in, size_t layer, Plan& plan);

// Of `attended` with `attn_gate`, where the layer has one.
void add_attention_gate(const PlanInputs& in, size_t layer, kernels::Elements attended, Plan& plan);

[[nodiscard]] kernels::AttentionBuffers attention_buffers(const PlanInputs& in, size_t layer);

}  // namespace weft::backend
