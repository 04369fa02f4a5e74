#include "backend/gpu/plan.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/check.h"
#include "kernels/argmax/argmax.h"
#include "kernels/attention/attention.h"
#include "kernels/dot_matvec/dot_matvec.h"
#include "kernels/draw/draw.h"
#include "kernels/embedding/embedding.h"
#include "kernels/product/product.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope_kv/rope_kv.h"
#include "kernels/swiglu/swiglu.h"

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

kernels::RopeKv rope_shape(const model::Attention& attention) {
  return {.n_heads = attention.n_heads,
          .n_kv_heads = attention.n_kv_heads,
          .head_dim = attention.head_dim,
          .rope_dims = attention.rope.dims,
          .pairs = pairs_of(attention.rope.pairs)};
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
    if (add_dot_head()) return std::move(plan_);
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
    if (std::optional<DotLayer> dot = dot_layer(i))
      return add(*dot, spec.attention, in_.kv.layers[i]);

    norm(a.residual, weights.attn_norm, a.normed);
    product(weights.qkv.matrices[0], a.normed, a.q, Store::kReplace);
    product(weights.qkv.matrices[1], a.normed, a.k, Store::kReplace);
    product(weights.qkv.matrices[2], a.normed, a.v, Store::kReplace);
    WEFT_TRY(rope_kv(spec.attention, in_.kv.layers[i], in_.weights.rope_turns[weights.rope]));
    WEFT_TRY(attention(spec.attention, in_.kv.layers[i]));
    product(weights.attn_output, a.attended, a.residual, Store::kAdd);

    norm(a.residual, weights.ffn_norm, a.normed);
    product(weights.gate_up.matrices[0], a.normed, a.gate, Store::kReplace);
    product(weights.gate_up.matrices[1], a.normed, a.up, Store::kReplace);
    plan_.push_back(
        kernels::swiglu(in_.device, spec.mlp.ff, {.gate = whole(a.gate), .up = whole(a.up)}));
    product(weights.ffn_down, a.gate, a.residual, Store::kAdd);
    return {};
  }

  bool add_dot_head() {
    const DeviceMatrix& output = in_.weights.output();
    if (!has_few_rows() || !uses_dot_products()) return false;
    std::vector<kernels::DotProduct> products;
    for (const MatrixPart& part : output.parts) {
      products.push_back({.weight = part.weight(),
                          .finish = kernels::StoreFinish{.y = whole(in_.activations.logits),
                                                         .bias = bias_of(part),
                                                         .y_stride = output.rows,
                                                         .y_first = part.first_row}});
      if (!kernels::can_dot_matvec(in_.device.info(), products.back())) return false;
    }
    kernels::DotInput input = normed(in_.weights.output_norm);
    input.rows = Count::kOutputs;
    input.outputs = in_.step.outputs();
    add(input, products);
    return true;
  }

  // The products of a layer as dot_matvec fuses them with what stands between.
  struct DotLayer {
    kernels::DotInput normed;  // for q, k and v
    std::vector<kernels::DotProduct> qkv;
    kernels::DotProduct attn_output;
    kernels::DotInput normed_again;  // for gate and up
    kernels::DotProduct gate_up;
    kernels::DotProduct ffn_down;
  };

  // Nothing where a kernel cannot do its part, or where steps have more rows than it is made for.
  std::optional<DotLayer> dot_layer(size_t i) {
    const model::Attention& attention = in_.spec.layers[i].attention;
    const DeviceLayer& weights = in_.weights.layers[i];
    const Activations& a = in_.activations;
    if (!has_few_rows() || !uses_dot_products()) return std::nullopt;
    if (weights.qkv.runs.empty() || weights.gate_up.runs.size() != 1) return std::nullopt;
    DotLayer layer{.normed = normed(weights.attn_norm),
                   .qkv = {},
                   .attn_output = residual_product(weights.attn_output),
                   .normed_again = normed(weights.ffn_norm),
                   .gate_up = {.weight = weights.gate_up.runs[0].weight,
                               .finish = kernels::SwigluFinish{.y = whole(a.gate)}},
                   .ffn_down = residual_product(weights.ffn_down)};
    for (const MatrixStack::Run& run : weights.qkv.runs) {
      layer.qkv.push_back(
          {.weight = run.weight,
           .finish = kernels::RopeKvFinish{.shape = rope_shape(attention),
                                           .first_row = run.first_row,
                                           .rows = in_.step.rows(),
                                           .turns = whole(in_.weights.rope_turns[weights.rope]),
                                           .q = whole(a.q),
                                           .k_cache = whole(in_.kv.layers[i].keys),
                                           .v_cache = whole(in_.kv.layers[i].values)}});
    }
    const auto can = [&](const kernels::DotProduct& product) {
      return kernels::can_dot_matvec(in_.device.info(), product);
    };
    const bool has_parts =
        weights.attn_output.parts.size() != 1 || weights.ffn_down.parts.size() != 1;
    if (has_parts || !std::ranges::all_of(layer.qkv, can) || !can(layer.attn_output) ||
        !can(layer.gate_up) || !can(layer.ffn_down)) {
      return std::nullopt;
    }
    return layer;
  }

  Result<void> add(const DotLayer& layer, const model::Attention& shape, const LayerKv& kv) {
    const Activations& a = in_.activations;
    add(layer.normed, layer.qkv);
    WEFT_TRY(attention(shape, kv));
    add({.x = whole(a.attended)}, {&layer.attn_output, 1});
    add(layer.normed_again, {&layer.gate_up, 1});
    add({.x = whole(a.gate)}, {&layer.ffn_down, 1});
    return {};
  }

  void add(const kernels::DotInput& input, std::span<const kernels::DotProduct> products) {
    const Activations& a = in_.activations;
    kernels::dot_matvecs(in_.device, input, products, most_,
                         {.rows = whole(a.dot_rows), .lines = whole(a.dot_lines)}, plan_);
  }

  // A CPU that stands in for a GPU has no packed dot products to gain from.
  [[nodiscard]] bool uses_dot_products() const {
    if (in_.few_rows != FewRows::kFastest) return in_.few_rows == FewRows::kDot;
    return in_.device.info().kind != gpu::AdapterKind::kSoftware;
  }

  kernels::DotInput normed(const gpu::Buffer& weights) const {
    return {.x = whole(in_.activations.residual), .norm = whole(weights), .eps = in_.spec.norm_eps};
  }

  kernels::DotProduct residual_product(const DeviceMatrix& matrix) const {
    const MatrixPart& part = matrix.parts[0];
    return {.weight = part.weight(),
            .finish = kernels::StoreFinish{.y = whole(in_.activations.residual),
                                           .bias = bias_of(part),
                                           .y_stride = matrix.rows,
                                           .store = Store::kAdd}};
  }

  static gpu::Binding bias_of(const MatrixPart& part) {
    return part.bias.size_bytes() > 0 ? whole(part.bias) : gpu::Binding{};
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
      const kernels::Product product{.rows = count_,
                                     .weight = part.weight(),
                                     .x = whole(x),
                                     .y = whole(y),
                                     .bias = bias_of(part),
                                     .y_stride = matrix.rows,
                                     .y_first = part.first_row,
                                     .store = store};
      plan_.push_back(kernels::product(in_.device, product, most_));
    }
  }

  Result<void> rope_kv(const model::Attention& attention, const LayerKv& kv,
                       const gpu::Buffer& turns) {
    const Activations& a = in_.activations;
    WEFT_ASSIGN(kernels::Dispatch dispatch, kernels::rope_kv(in_.device, rope_shape(attention),
                                                             {.rows = in_.step.rows(),
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
  WEFT_ASSIGN(auto draw,
              kernels::draw(in.device, {.vocab = in.spec.vocab, .max_edits = kDrawLimits.max_edits},
                            {.rules = in.step.rules(),
                             .edits = in.step.edits(),
                             .rows = in.step.rows(),
                             .outputs = in.step.outputs(),
                             .logits = whole(a.logits),
                             .scratch = whole(a.top_k_scratch),
                             .candidates = whole(a.candidates),
                             .sampled = whole(a.sampled),
                             .slot_tokens = whole(a.slot_tokens),
                             .drawn_tokens = whole(a.drawn_tokens)}));
  for (kernels::Dispatch& dispatch : draw) plans.drawn.push_back(std::move(dispatch));
  WEFT_TRY(in.device.wait_for_pipelines());
  return plans;
}

const Plan& plan_for(const std::vector<SizedPlan>& plans, uint32_t count) {
  const auto found = std::ranges::lower_bound(plans, count, {}, &SizedPlan::most);
  CHECK(found != plans.end());
  return found->plan;
}

}  // namespace weft::backend
