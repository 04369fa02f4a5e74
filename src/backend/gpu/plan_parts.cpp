#include "backend/gpu/plan_parts.h"

#include "kernels/qk_norm/qk_norm.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/sigmoid_gate/sigmoid_gate.h"

namespace weft::backend {

kernels::Activation activation_of(const model::Mlp& mlp) {
  switch (mlp.activation) {
    case model::Activation::kSilu:
      return kernels::Activation::kSilu;
    case model::Activation::kGelu:
      return kernels::Activation::kGelu;
    case model::Activation::kGeluTanh:
      return kernels::Activation::kGeluTanh;
    case model::Activation::kClampedSwiglu:
      return kernels::Activation::kClampedSwiglu;
  }
  return {};
}

kernels::RopeKv rope_shape(const model::Attention& attention) {
  return {.n_heads = attention.n_heads,
          .n_kv_heads = attention.n_kv_heads,
          .head_dim = attention.head_dim,
          .rope_dims = attention.rope.dims,
          .pairs = attention.rope.pairs == model::RopePairs::kAdjacent
                       ? kernels::RopePairs::kAdjacent
                       : kernels::RopePairs::kHalf,
          .magnitude = attention.rope.magnitude};
}

std::vector<kernels::Product> products_of(const DeviceMatrix& matrix, const gpu::Buffer& x,
                                          const gpu::Buffer& y, kernels::Store store) {
  std::vector<kernels::Product> products;
  for (const MatrixPart& part : matrix.parts) {
    products.push_back({.weight = part.weight(),
                        .x = whole(x),
                        .y = whole(y),
                        .bias = bias_of(part),
                        .y_stride = matrix.rows,
                        .y_first = part.first_row,
                        .store = store});
  }
  return products;
}

std::vector<kernels::Product> products_of(const MatrixStack& stack, const gpu::Buffer& x,
                                          const gpu::Buffer& y) {
  std::vector<kernels::Product> products;
  uint32_t width = 0;
  for (const DeviceMatrix& matrix : stack.matrices) {
    if (stack.runs.empty()) {
      for (kernels::Product& product : products_of(matrix, x, y, kernels::Store::kReplace)) {
        product.y_first += width;
        products.push_back(product);
      }
    }
    width += matrix.rows;
  }
  for (const MatrixStack::Run& run : stack.runs) {
    products.push_back(
        {.weight = run.weight, .x = whole(x), .y = whole(y), .y_first = run.first_row});
  }
  for (kernels::Product& product : products) product.y_stride = width;
  return products;
}

void add_qk_norm(const PlanInputs& in, size_t layer, Plan& plan) {
  const model::Attention& spec = in.spec.layers[layer].attention;
  if (spec.qk_norm == model::QkNorm::kNone) return;
  const bool of_heads = spec.qk_norm == model::QkNorm::kHead;
  const kernels::QkNorm shape{.row_width = (spec.n_heads + 2 * spec.n_kv_heads) * spec.head_dim,
                              .q_parts = of_heads ? spec.n_heads : 1,
                              .q_size = of_heads ? spec.head_dim : spec.n_heads * spec.head_dim,
                              .k_parts = of_heads ? spec.n_kv_heads : 1,
                              .k_size = of_heads ? spec.head_dim : spec.n_kv_heads * spec.head_dim,
                              .eps = in.spec.norm_eps};
  plan.push_back(kernels::qk_norm(
      in.device, shape,
      {.w = whole(in.weights.layers[layer].qk_norm), .x = whole(in.activations.qkv)},
      kernels::workgroup_sum_for(in.device.info())));
}

void add_post_norm(const PlanInputs& in, const Norm& norm, Plan& plan) {
  const Activations& a = in.activations;
  plan.push_back(kernels::rms_norm(in.device,
                                   {.cols = in.spec.embd,
                                    .eps = in.spec.norm_eps,
                                    .store = kernels::Store::kAdd,
                                    .centered = in.spec.norm == model::NormKind::kLayer},
                                   {.x = whole(a.normed), .w = whole(norm), .y = whole(a.residual)},
                                   kernels::workgroup_sum_for(in.device.info())));
}

Result<void> add_rope_kv(const PlanInputs& in, size_t layer, kernels::Elements q, Plan& plan) {
  kernels::RopeKv shape = rope_shape(in.spec.layers[layer].attention);
  shape.q = q;
  WEFT_ASSIGN(
      kernels::Dispatch dispatch,
      kernels::rope_kv(in.device, shape,
                       {.rows = in.step.rows(),
                        .turns = whole(in.weights.rope_turns[in.weights.layers[layer].rope]),
                        .qkv = whole(in.activations.qkv),
                        .q = whole(in.activations.q),
                        .k_cache = whole(in.kv.layers[layer].keys),
                        .v_cache = whole(in.kv.layers[layer].values)}));
  plan.push_back(std::move(dispatch));
  return {};
}

Result<void> add_attention_of_rows(const PlanInputs& in, size_t layer, Plan& plan) {
  const Activations& a = in.activations;
  WEFT_ASSIGN(auto dispatches,
              kernels::attention_of_rows(
                  in.device, attention_shape(in.spec.layers[layer].attention, in.step.max_blocks()),
                  attention_buffers(in, layer),
                  {.acc = whole(a.split_acc), .stats = whole(a.split_stats)}));
  for (kernels::Dispatch& dispatch : dispatches) plan.push_back(std::move(dispatch));
  return {};
}

void add_attention_gate(const PlanInputs& in, size_t layer, kernels::Elements attended,
                        Plan& plan) {
  const auto& gate = in.weights.layers[layer].attn_gate;
  if (!gate) return;
  plan.push_back(kernels::sigmoid_gate(
      in.device, {.cols = gate->rows, .y = attended},
      {.gate = whole(in.activations.attn_gate), .y = whole(in.activations.attended)}));
}

kernels::AttentionBuffers attention_buffers(const PlanInputs& in, size_t layer) {
  const gpu::Buffer& sinks = in.weights.layers[layer].attn_sinks;
  return {.rows = in.step.rows(),
          .block_table = in.step.block_table(),
          .q = whole(in.activations.q),
          .k_cache = whole(in.kv.layers[layer].keys),
          .v_cache = whole(in.kv.layers[layer].values),
          .y = whole(in.activations.attended),
          .sinks = sinks.size_bytes() > 0 ? whole(sinks) : gpu::Binding{}};
}

}  // namespace weft::backend
