#include "backend/gpu/plan.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "kernels/argmax/argmax.h"
#include "kernels/attention/attention.h"
#include "kernels/embedding/embedding.h"
#include "kernels/product/product.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope_kv/rope_kv.h"
#include "kernels/swiglu/swiglu.h"
#include "kernels/top_k/top_k.h"

namespace weft::backend {
namespace {

using kernels::Count;
using kernels::Store;

gpu::Binding whole(const gpu::Buffer& buffer) { return {.buffer = &buffer}; }

// For how many rows plans are built. Up to kMaxFewRows they are of mat-vecs, beyond that of matrix
// products. One sequence decodes one row at a time, and rarely has a few rows to prefill.
std::vector<uint32_t> sizes(uint32_t max_sequences, uint32_t most) {
  std::vector<uint32_t> few = max_sequences == 1 ? std::vector{1U} : std::vector{1U, 2U, 4U, 8U};
  static_assert(kMaxFewRows == 8);
  std::erase_if(few, [most](uint32_t size) { return size >= most; });
  few.push_back(most);
  return few;
}

kernels::RopePairs pairs_of(model::RopePairs pairs) {
  return pairs == model::RopePairs::kAdjacent ? kernels::RopePairs::kAdjacent
                                              : kernels::RopePairs::kHalf;
}

class PlanBuilder {
 public:
  explicit PlanBuilder(const PlanInputs& in) : in_(in) {}

  // At most `most` rows run through it.
  Result<Plan> body(uint32_t most) {
    start(Count::kRows, most);
    WEFT_TRY(embedding());
    for (size_t i = 0; i < in_.spec.layers.size(); ++i) WEFT_TRY(layer(i));
    return std::move(plan_);
  }

  Plan head(uint32_t most) {
    start(Count::kOutputs, most);
    const Activations& a = in_.activations;
    norm(a.residual, in_.weights.output_norm, a.head_in, in_.step.outputs());
    product(in_.weights.output(), a.head_in, a.logits, Store::kReplace);
    return std::move(plan_);
  }

 private:
  void start(Count count, uint32_t most) {
    plan_.clear();
    count_ = count;
    most_ = most;
  }
  [[nodiscard]] bool has_few_rows() const { return most_ <= kMaxFewRows; }

  Result<void> embedding() {
    const kernels::EmbeddingBuffers buffers{.rows = in_.step.rows(),
                                            .slot_tokens = whole(in_.activations.slot_tokens),
                                            .x = whole(in_.activations.residual)};
    for (const MatrixPart& part : in_.weights.token_embd.parts) {
      const kernels::Embedding shape{.vocab = in_.spec.vocab, .first_token = part.first_row};
      WEFT_ASSIGN(kernels::Dispatch dispatch,
                  kernels::embedding(in_.device, shape, part.weight(), buffers));
      plan_.push_back(std::move(dispatch));
    }
    return {};
  }

  Result<void> layer(size_t i) {
    const model::LayerSpec& spec = in_.spec.layers[i];
    const DeviceLayer& weights = in_.weights.layers[i];
    const Activations& a = in_.activations;

    norm(a.residual, weights.attn_norm, a.normed);
    product(weights.attn_q, a.normed, a.q, Store::kReplace);
    product(weights.attn_k, a.normed, a.k, Store::kReplace);
    product(weights.attn_v, a.normed, a.v, Store::kReplace);
    WEFT_TRY(rope_kv(spec.attention, in_.kv.layers[i], in_.weights.rope_turns[weights.rope]));
    WEFT_TRY(attention(spec.attention, in_.kv.layers[i]));
    product(weights.attn_output, a.attended, a.residual, Store::kAdd);

    norm(a.residual, weights.ffn_norm, a.normed);
    product(weights.ffn_gate, a.normed, a.gate, Store::kReplace);
    product(weights.ffn_up, a.normed, a.up, Store::kReplace);
    plan_.push_back(
        kernels::swiglu(in_.device, spec.mlp.ff, {.gate = whole(a.gate), .up = whole(a.up)}));
    product(weights.ffn_down, a.gate, a.residual, Store::kAdd);
    return {};
  }

  void norm(const gpu::Buffer& x, const gpu::Buffer& w, const gpu::Buffer& y,
            const gpu::Binding& outputs = {}) {
    plan_.push_back(
        kernels::rms_norm(in_.device, {.cols = in_.spec.embd, .eps = in_.spec.norm_eps},
                          {.x = whole(x), .w = whole(w), .y = whole(y), .outputs = outputs},
                          kernels::workgroup_sum_for(in_.device.info())));
  }

  void product(const DeviceMatrix& matrix, const gpu::Buffer& x, const gpu::Buffer& y,
               Store store) {
    for (const MatrixPart& part : matrix.parts) {
      const kernels::Product product{
          .rows = count_,
          .weight = part.weight(),
          .x = whole(x),
          .y = whole(y),
          .bias = part.bias.size_bytes() > 0 ? whole(part.bias) : gpu::Binding{},
          .y_stride = matrix.rows,
          .y_first = part.first_row,
          .store = store};
      plan_.push_back(kernels::product(in_.device, product, most_));
    }
  }

  Result<void> rope_kv(const model::Attention& attention, const LayerKv& kv,
                       const gpu::Buffer& turns) {
    const Activations& a = in_.activations;
    WEFT_ASSIGN(kernels::Dispatch dispatch,
                kernels::rope_kv(in_.device,
                                 {.n_heads = attention.n_heads,
                                  .n_kv_heads = attention.n_kv_heads,
                                  .head_dim = attention.head_dim,
                                  .rope_dims = attention.rope.dims,
                                  .pairs = pairs_of(attention.rope.pairs),
                                  .max_blocks = in_.step.max_blocks()},
                                 {.rows = in_.step.rows(),
                                  .block_table = in_.step.block_table(),
                                  .turns = whole(turns),
                                  .q = whole(a.q),
                                  .k = whole(a.k),
                                  .v = whole(a.v),
                                  .k_cache = whole(kv.keys),
                                  .v_cache = whole(kv.values)}));
    plan_.push_back(std::move(dispatch));
    return {};
  }

  Result<void> attention(const model::Attention& attention, const LayerKv& kv) {
    const Activations& a = in_.activations;
    const kernels::Attention shape = attention_shape(attention, in_.step.max_blocks());
    const kernels::AttentionBuffers buffers{.rows = in_.step.rows(),
                                            .block_table = in_.step.block_table(),
                                            .q = whole(a.q),
                                            .k_cache = whole(kv.keys),
                                            .v_cache = whole(kv.values),
                                            .y = whole(a.attended)};
    if (has_few_rows()) {
      WEFT_ASSIGN(auto dispatches, kernels::attention_of_rows(
                                       in_.device, shape, buffers,
                                       {.acc = whole(a.split_acc), .stats = whole(a.split_stats)}));
      for (kernels::Dispatch& dispatch : dispatches) plan_.push_back(std::move(dispatch));
    } else {
      WEFT_ASSIGN(kernels::Dispatch dispatch,
                  kernels::attention_of_tiles(in_.device, shape, buffers, in_.step.tiles()));
      plan_.push_back(std::move(dispatch));
    }
    return {};
  }

  const PlanInputs& in_;
  Plan plan_;
  Count count_ = Count::kRows;
  uint32_t most_ = 0;
};

}  // namespace

Result<Plans> build_plans(const PlanInputs& in) {
  const Activations& a = in.activations;
  const uint32_t max_sequences = in.options.max_sequences;
  PlanBuilder builder(in);
  Plans plans;
  for (const uint32_t most : sizes(max_sequences, in.options.max_rows)) {
    WEFT_ASSIGN(Plan body, builder.body(most));
    plans.bodies.push_back({.most = most, .plan = std::move(body)});
  }
  for (const uint32_t most : sizes(max_sequences, max_outputs(in.options))) {
    plans.heads.push_back({.most = most, .plan = builder.head(most)});
  }
  for (kernels::Dispatch& dispatch : kernels::argmax(in.device, in.spec.vocab,
                                                     {.logits = whole(a.logits),
                                                      .rows = in.step.rows(),
                                                      .outputs = in.step.outputs(),
                                                      .scratch = whole(a.argmax_scratch),
                                                      .sampled = whole(a.sampled),
                                                      .slot_tokens = whole(a.slot_tokens)})) {
    plans.greedy.push_back(std::move(dispatch));
  }
  WEFT_ASSIGN(auto top_k, kernels::top_k(in.device, in.spec.vocab,
                                         {.logits = whole(a.logits),
                                          .scratch = whole(a.top_k_scratch),
                                          .top = whole(a.candidates)}));
  for (kernels::Dispatch& dispatch : top_k) plans.candidates.push_back(std::move(dispatch));
  WEFT_TRY(in.device.wait_for_pipelines());
  return plans;
}

const Plan& plan_for(const std::vector<SizedPlan>& plans, uint32_t count) {
  const auto found = std::ranges::lower_bound(plans, count, {}, &SizedPlan::most);
  CHECK(found != plans.end());
  return found->plan;
}

}  // namespace weft::backend
