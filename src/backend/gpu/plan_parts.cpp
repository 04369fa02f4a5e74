#include "backend/gpu/plan_parts.h"

namespace weft::backend {

kernels::RopeKv rope_shape(const model::Attention& attention) {
  return {.n_heads = attention.n_heads,
          .n_kv_heads = attention.n_kv_heads,
          .head_dim = attention.head_dim,
          .rope_dims = attention.rope.dims,
          .pairs = attention.rope.pairs == model::RopePairs::kAdjacent
                       ? kernels::RopePairs::kAdjacent
                       : kernels::RopePairs::kHalf};
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

kernels::AttentionBuffers attention_buffers(const PlanInputs& in, size_t layer) {
  return {.rows = in.step.rows(),
          .block_table = in.step.block_table(),
          .q = whole(in.activations.q),
          .k_cache = whole(in.kv.layers[layer].keys),
          .v_cache = whole(in.kv.layers[layer].values),
          .y = whole(in.activations.attended)};
}

}  // namespace weft::backend
