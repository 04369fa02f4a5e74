#include "backend/gpu/plan.h"

#include <algorithm>
#include <array>
#include <optional>

#include "backend/gpu/delta_plan.h"
#include "backend/gpu/dot_plan.h"
#include "backend/gpu/matrix_plan.h"
#include "backend/gpu/mixture_plan.h"
#include "backend/gpu/plan_parts.h"
#include "base/check.h"
#include "kernels/argmax/argmax.h"
#include "kernels/attention/attention.h"
#include "kernels/draw/draw.h"
#include "kernels/embedding/embedding.h"
#include "kernels/product/product.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/soft_cap/soft_cap.h"
#include "kernels/swiglu/swiglu.h"

namespace weft::backend {
namespace {

using kernels::Count;
using kernels::Elements;
using kernels::Store;

// For how many rows plans are built. Few are of mat-vecs, beyond that of matrix
// products, whose tiles differ up to 64 rows unless products are plain. One sequence decodes one
// row at a time, and rarely has a few rows to prefill.
std::vector<uint32_t> sizes(uint32_t max_sequences, uint32_t most, bool has_tiles) {
  std::vector<uint32_t> sizes = max_sequences == 1 ? std::vector{1U} : std::vector{1U, 2U, 4U, 8U};
  static_assert(kMaxFewRows == 8);
  if (has_tiles) sizes.insert(sizes.end(), {16U, 32U, 64U});
  std::erase_if(sizes, [most](uint32_t size) { return size >= most; });
  sizes.push_back(most);
  return sizes;
}

class PlanBuilder {
 public:
  explicit PlanBuilder(const PlanInputs& in)
      : in_(in),
        matrices_(MatrixPlan::create(in)),
        has_dots_(multiplies_many_rows_by_dots(in.device.info(), in.products.many_rows)) {}

  // Whether plans for different numbers of many rows differ.
  [[nodiscard]] bool has_tiles() const { return matrices_ || has_dots_; }

  // At most `most` rows run through it.
  Result<Plan> body(uint32_t most) {
    start(Count::kRows, most);
    WEFT_TRY(embeddings());
    for (size_t i = 0; i < in_.spec.layers.size(); ++i) WEFT_TRY(layer(i));
    return std::move(plan_);
  }

  Plan head(uint32_t most) {
    start(Count::kOutputs, most);
    const Activations& a = in_.activations;
    if (!has_few_rows() || !add_dot_head(in_, most, plan_)) {
      on_matrices_ = on_matrices_ && matrices_->multiplies_head();
      norm(in_.weights.output_norm, in_.spec.output_norm_bias, a.head_in, in_.step.outputs());
      add(products_of(in_.weights.output(), a.head_in, a.logits, Store::kReplace));
    }
    if (in_.spec.logit_softcap != 0) {
      plan_.push_back(
          kernels::soft_cap(in_.device, in_.spec.vocab, in_.spec.logit_softcap, whole(a.logits)));
    }
    return std::move(plan_);
  }

 private:
  void start(Count count, uint32_t most) {
    plan_.clear();
    count_ = count;
    most_ = most;
    on_matrices_ = matrices_ && !has_few_rows();
  }
  // Matrix units take no longer for 16 rows than mat-vecs do for 8.
  [[nodiscard]] bool has_few_rows() const {
    return most_ <= (matrices_ ? kMaxFewRows / 2 : kMaxFewRows);
  }
  // Of what products read.
  [[nodiscard]] Elements elements() const {
    return on_matrices_ ? Elements::kF16Chunks : Elements::kF32;
  }

  Result<void> embeddings() {
    const float scale = 1 / in_.spec.residual_scale;
    WEFT_TRY(embedding(in_.weights.token_embd, {.scale = scale * in_.spec.embedding_scale}));
    const auto& positions = in_.weights.position_embd;
    if (!positions) return {};
    return embedding(*positions, {.scale = scale, .of_positions = true});
  }

  Result<void> embedding(const DeviceMatrix& matrix, kernels::Embedding shape) {
    const kernels::EmbeddingBuffers buffers{.rows = in_.step.rows(),
                                            .slot_tokens = whole(in_.activations.slot_tokens),
                                            .x = whole(in_.activations.residual)};
    shape.vocab = matrix.rows;
    for (const MatrixPart& part : matrix.parts) {
      shape.first_token = part.first_row;
      WEFT_ASSIGN(kernels::Dispatch dispatch,
                  kernels::embedding(in_.device, shape, part.weight(), buffers));
      plan_.push_back(std::move(dispatch));
    }
    return {};
  }

  Result<void> layer(size_t i) {
    bool is_mixed = false;
    if (has_few_rows()) {
      WEFT_ASSIGN(is_mixed, add_dot_mixer(in_, i, most_, plan_));
    }
    if (!is_mixed) WEFT_TRY(mixer(i));
    if (has_few_rows() && add_dot_mlp(in_, i, most_, plan_)) return {};
    mlp(i);
    return {};
  }

  // From the residual stream to it, or to `attended` where the MLP stands beside.
  Result<void> mixer(size_t i) {
    const DeviceLayer& weights = in_.weights.layers[i];
    const model::LayerSpec& spec = in_.spec.layers[i];
    const Activations& a = in_.activations;
    const gpu::Buffer& x = norm(weights.attn_norm, spec.attn_norm_bias, a.normed);
    if (weights.delta_net) {
      add(products_of(weights.delta_net->in, x, a.delta_in));
      WEFT_TRY(add_delta_net(in_, i, elements(), plan_));
    } else {
      WEFT_TRY(attention(i, x));
    }
    // Side by side, the MLP reads the stream before attention is added to it.
    if (!spec.parallel) add_to_residual(weights.attn_output, a.attended, weights.attn_post_norm);
    return {};
  }

  void mlp(size_t i) {
    const DeviceLayer& weights = in_.weights.layers[i];
    const model::LayerSpec& spec = in_.spec.layers[i];
    const Activations& a = in_.activations;
    const bool shares_norm = spec.parallel && !spec.ffn_norm;  // what attention read, still there
    const gpu::Buffer& attention_in = is_there(weights.attn_norm) ? a.normed : a.residual;
    const gpu::Buffer& mlp_in =
        shares_norm ? attention_in : norm(weights.ffn_norm, spec.ffn_norm_bias, a.normed);
    const MixturePlan mixture(in_, i, most_, expert_rows(), on_matrices_ ? &*matrices_ : nullptr);
    const gpu::Buffer& router_in = spec.mlp.mixture ? input_of_router(i, mlp_in) : mlp_in;
    if (spec.mlp.mixture) {
      mixture.add_choices(router_in, plan_);
      mixture.add_gates(mlp_in, plan_);
    }
    const bool is_gated = spec.mlp.ff != 0 && on_matrices_ && add_gated(i, mlp_in);
    if (spec.mlp.ff != 0 && !is_gated) add(products_of(weights.gate_up, mlp_in, a.gate_up));
    if (spec.parallel) add_to_residual(weights.attn_output, a.attended, weights.attn_post_norm);
    if (spec.mlp.ff != 0) {
      if (!is_gated) add_swiglu(i);
      if (spec.mlp.mixture) mixture.add_shared_gate(router_in, plan_);
      add_to_residual(weights.ffn_down, a.activated, weights.ffn_post_norm);
    }
    if (spec.mlp.mixture) mixture.add_sum(plan_);
  }

  // Where lanes are those of a CPU, whose caches hold what a mat-vec reads again, tiles only cost.
  [[nodiscard]] ExpertRows expert_rows() const {
    const bool is_cpu = in_.device.info().kind == gpu::AdapterKind::kSoftware &&
                        in_.products.many_rows == ManyRows::kFastest;
    return has_few_rows() || is_cpu ? ExpertRows::kEach : ExpertRows::kTiled;
  }

  // The MLP's input in f32: what is chosen turns on small differences.
  const gpu::Buffer& input_of_router(size_t i, const gpu::Buffer& mlp_in) {
    if (!on_matrices_) return mlp_in;
    const DeviceLayer& weights = in_.weights.layers[i];
    const model::LayerSpec& spec = in_.spec.layers[i];
    on_matrices_ = false;
    const gpu::Buffer& x =
        is_there(weights.ffn_norm)
            ? norm(weights.ffn_norm, spec.ffn_norm_bias, in_.activations.router_in)
            : norm(weights.attn_norm, spec.attn_norm_bias, in_.activations.router_in);
    on_matrices_ = true;
    return x;
  }

  // Gate and up with what the gate makes of them, on matrix units; false, and nothing is added,
  // where that takes several dispatches.
  bool add_gated(size_t i, const gpu::Buffer& x) {
    const MatrixStack& gate_up = in_.weights.layers[i].gate_up;
    const model::Mlp& mlp = in_.spec.layers[i].mlp;
    if (!mlp.gated || gate_up.runs.size() != 1) return false;
    return matrices_->add_gated(
        {.weight = gate_up.runs[0].weight, .x = whole(x), .y = whole(in_.activations.activated)},
        activation_of(mlp), most_, plan_);
  }

  // From `gate_up` to `activated`.
  void add_swiglu(size_t i) {
    const model::LayerSpec& spec = in_.spec.layers[i];
    const Activations& a = in_.activations;
    plan_.push_back(kernels::swiglu(in_.device,
                                    {.cols = spec.mlp.ff,
                                     .activation = activation_of(spec.mlp),
                                     .y = elements(),
                                     .gated = spec.mlp.gated},
                                    {.gate_up = whole(a.gate_up), .y = whole(a.activated)}));
  }

  // Of the residual stream to `y`. Gives where the result is: the stream itself where there is no
  // norm.
  const gpu::Buffer& norm(const Norm& w, const std::optional<model::Weight>& bias,
                          const gpu::Buffer& y, const gpu::Binding& outputs = {}) {
    const gpu::Buffer& x = in_.activations.residual;
    if (!is_there(w)) return x;
    plan_.push_back(
        kernels::rms_norm(in_.device,
                          {.cols = in_.spec.embd,
                           .eps = residual_eps(in_.spec),
                           .y = elements(),
                           .centered = in_.spec.norm == model::NormKind::kLayer,
                           .has_bias = bias.has_value()},
                          {.x = whole(x), .w = whole(w), .y = whole(y), .outputs = outputs},
                          kernels::workgroup_sum_for(in_.device.info())));
    return y;
  }

  void add(std::vector<kernels::Product> products) {
    for (kernels::Product& product : products) product.rows = count_;
    if (has_dots_ && !has_few_rows()) return add_dot_products(in_, products, most_, plan_);
    for (const kernels::Product& product : products) {
      if (on_matrices_) {
        matrices_->add(product, most_, plan_);
      } else {
        plan_.push_back(kernels::product(in_.device, product, most_));
      }
    }
  }

  void add_to_residual(const DeviceMatrix& matrix, const gpu::Buffer& x, const Norm& post_norm) {
    const Activations& a = in_.activations;
    if (!is_there(post_norm)) return add(products_of(matrix, x, a.residual, Store::kAdd));
    add(products_of(matrix, x, a.normed, Store::kReplace));
    add_post_norm(in_, post_norm, plan_);
  }

  // From the input of q, k and v to `attended`.
  Result<void> attention(size_t i, const gpu::Buffer& x) {
    const DeviceLayer& weights = in_.weights.layers[i];
    const Activations& a = in_.activations;
    add(products_of(weights.qkv, x, a.qkv));
    if (weights.attn_gate) add(products_of(*weights.attn_gate, x, a.attn_gate, Store::kReplace));
    add_qk_norm(in_, i, plan_);
    WEFT_TRY(add_rope_kv(in_, i, on_matrices_ ? Elements::kF16 : Elements::kF32, plan_));
    WEFT_TRY(attend(i));
    add_attention_gate(in_, i, elements(), plan_);
    return {};
  }

  Result<void> attend(size_t i) {
    if (has_few_rows()) return add_attention_of_rows(in_, i, plan_);
    if (on_matrices_) return matrices_->add_attention(i, plan_);
    WEFT_ASSIGN(
        kernels::Dispatch dispatch,
        kernels::attention_of_tiles(
            in_.device, attention_shape(in_.spec.layers[i].attention, in_.step.max_blocks()),
            attention_buffers(in_, i), in_.step.tiles()));
    plan_.push_back(std::move(dispatch));
    return {};
  }

  const PlanInputs& in_;
  const std::optional<MatrixPlan> matrices_;  // for many rows
  const bool has_dots_;                       // likewise, where there are no matrices
  Plan plan_;
  Count count_ = Count::kRows;
  uint32_t most_ = 0;
  bool on_matrices_ = false;
};

}  // namespace

Result<Plans> build_plans(const PlanInputs& in) {
  const Activations& a = in.activations;
  const uint32_t max_sequences = in.options.max_sequences;
  PlanBuilder builder(in);
  Plans plans;
  for (const uint32_t most : sizes(max_sequences, in.options.max_rows, builder.has_tiles())) {
    WEFT_ASSIGN(Plan body, builder.body(most));
    plans.bodies.push_back({.most = most, .plan = std::move(body)});
  }
  for (const uint32_t most : sizes(max_sequences, max_outputs(in.options), builder.has_tiles())) {
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
