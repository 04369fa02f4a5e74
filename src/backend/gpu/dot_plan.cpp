#include "backend/gpu/dot_plan.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "backend/gpu/delta_plan.h"
#include "backend/gpu/mixture_plan.h"
#include "backend/gpu/plan_parts.h"
#include "kernels/matmul_dot/matmul_dot.h"
#include "kernels/subgroup_matrix.h"

namespace weft::backend {
namespace {

using kernels::DotInput;
using kernels::DotProduct;

// They take RMS norms alone. A CPU that stands in for a GPU has nothing to gain from them.
bool uses_dot_products(const PlanInputs& in) {
  if (in.spec.norm != model::NormKind::kRms) return false;
  if (in.products.few_rows != FewRows::kFastest) return in.products.few_rows == FewRows::kDot;
  return in.device.info().kind != gpu::AdapterKind::kSoftware;
}

void add(const PlanInputs& in, const DotInput& input, std::span<const DotProduct> products,
         uint32_t most, Plan& plan) {
  const Activations& a = in.activations;
  kernels::dot_matvecs(in.device, input, products, most,
                       {.rows = whole(a.dot_rows), .lines = whole(a.dot_lines)}, plan);
}

DotInput normed(const PlanInputs& in, const Norm& norm) {
  return {.x = whole(in.activations.residual),
          .norm = is_there(norm) ? whole(norm) : gpu::Binding{},
          .eps = residual_eps(in.spec)};
}

// To the residual stream, or to where add_post_norm() goes on.
std::vector<DotProduct> to_residual(const PlanInputs& in, const DeviceMatrix& matrix,
                                    const Norm& post_norm) {
  const MatrixPart& part = matrix.parts[0];
  const Activations& a = in.activations;
  const bool adds = !is_there(post_norm);
  return {{.weight = part.weight(),
           .finish = kernels::StoreFinish{
               .y = whole(adds ? a.residual : a.normed),
               .bias = bias_of(part),
               .y_stride = matrix.rows,
               .store = adds ? kernels::Store::kAdd : kernels::Store::kReplace}}};
}

bool can_all(const PlanInputs& in, std::span<const DotProduct> products) {
  return std::ranges::all_of(products, [&](const DotProduct& product) {
    return kernels::can_dot_matvec(in.device.info(), product);
  });
}

// To y, side by side: for what has to be done to the results before they are used or stored.
std::vector<DotProduct> plain_products(const MatrixStack& stack, const gpu::Buffer& y) {
  uint32_t width = 0;
  for (const DeviceMatrix& matrix : stack.matrices) width += matrix.rows;
  std::vector<DotProduct> products;
  for (const MatrixStack::Run& run : stack.runs) {
    products.push_back({.weight = run.weight,
                        .finish = kernels::StoreFinish{
                            .y = whole(y), .y_stride = width, .y_first = run.first_row}});
  }
  return products;
}

std::vector<DotProduct> qkv_products(const PlanInputs& in, size_t layer) {
  const DeviceLayer& weights = in.weights.layers[layer];
  const LayerKv& kv = in.kv.layers[layer];
  std::vector<DotProduct> products;
  for (const MatrixStack::Run& run : weights.qkv.runs) {
    products.push_back(
        {.weight = run.weight,
         .finish = kernels::RopeKvFinish{.shape = rope_shape(in.spec.layers[layer].attention),
                                         .first_row = run.first_row,
                                         .rows = in.step.rows(),
                                         .turns = whole(in.weights.rope_turns[weights.rope]),
                                         .q = whole(in.activations.q),
                                         .k_cache = whole(kv.keys),
                                         .v_cache = whole(kv.values)}});
  }
  if (products.size() != 2) return products;
  const DotProduct joined{
      .weight = products[0].weight, .below = products[1].weight, .finish = products[0].finish};
  if (!kernels::can_dot_matvec(in.device.info(), joined)) return products;
  return {joined};
}

// What reads the normed stream where a layer mixes rows; nothing where it is in parts.
struct MixerProducts {
  std::vector<DotProduct> products;
  bool rotates = false;  // q and k as well
};

MixerProducts mixer_products(const PlanInputs& in, size_t layer) {
  const DeviceLayer& weights = in.weights.layers[layer];
  const Activations& a = in.activations;
  if (weights.delta_net) return {.products = plain_products(weights.delta_net->in, a.delta_in)};
  const bool has_plain_q = in.spec.layers[layer].attention.qk_norm == model::QkNorm::kNone;
  if (has_plain_q && !weights.attn_gate) {
    MixerProducts rotated{.products = qkv_products(in, layer), .rotates = true};
    if (can_all(in, rotated.products)) return rotated;
  }
  MixerProducts out{.products = plain_products(weights.qkv, a.qkv)};
  if (!weights.attn_gate) return out;
  if (weights.attn_gate->parts.size() != 1) return {};
  out.products.push_back({.weight = weights.attn_gate->parts[0].weight(),
                          .finish = kernels::StoreFinish{.y = whole(a.attn_gate),
                                                         .y_stride = weights.attn_gate->rows}});
  return out;
}

// Of an MLP, a mixture of experts, or both; empty what it has not.
struct MlpProducts {
  std::vector<DotProduct> router;
  std::vector<DotProduct> gates;          // of the MLP, of experts
  std::vector<DotProduct> shared_router;  // of the MLP's gate as a shared expert
  std::vector<DotProduct> down;
  std::vector<DotProduct> expert_sum;
};

// To `router_logits`.
std::vector<DotProduct> router_products(const PlanInputs& in, const DeviceMatrix& router) {
  std::vector<DotProduct> products;
  for (const MatrixPart& part : router.parts) {
    products.push_back({.weight = part.weight(),
                        .finish = kernels::StoreFinish{.y = whole(in.activations.router_logits),
                                                       .bias = bias_of(part),
                                                       .y_stride = router.rows,
                                                       .y_first = part.first_row}});
  }
  return products;
}

// False where experts are in parts.
bool add_expert_products(const PlanInputs& in, size_t layer, MlpProducts& products) {
  const Activations& a = in.activations;
  const DeviceMixture& weights = *in.weights.layers[layer].mixture;
  const model::Mlp& mlp = in.spec.layers[layer].mlp;
  if (weights.gate_up.size() != 1 || weights.gate_up[0].parts.size() != 1 ||
      weights.down.parts.size() != 1) {
    return false;
  }
  const auto chosen = [&](const ExpertMatrices& matrices) {
    return kernels::ChosenExperts{.choices = whole(a.choices),
                                  .used = mlp.mixture->used,
                                  .n = matrices.rows,
                                  .bias = bias_of(matrices)};
  };
  products.router = router_products(in, weights.router);
  products.gates.push_back(
      {.weight = weights.gate_up[0].parts[0].weight(),
       .finish = kernels::ExpertGateFinish{.experts = chosen(weights.gate_up[0]),
                                           .y = whole(a.expert_activated),
                                           .activation = activation_of(mlp),
                                           .weighs_gate = mlp.mixture->weighs_inputs}});
  if (weights.shared_router) products.shared_router = router_products(in, *weights.shared_router);
  products.expert_sum.push_back({.weight = weights.down.parts[0].weight(),
                                 .finish = kernels::ExpertSumFinish{.experts = chosen(weights.down),
                                                                    .y = whole(a.residual)}});
  return true;
}

// Nothing where something is in parts, or has no gate.
std::optional<MlpProducts> mlp_products(const PlanInputs& in, size_t layer) {
  const DeviceLayer& weights = in.weights.layers[layer];
  const model::Mlp& mlp = in.spec.layers[layer].mlp;
  MlpProducts products;
  if (mlp.ff != 0) {
    if (!mlp.gated || weights.gate_up.runs.size() != 1 || weights.ffn_down.parts.size() != 1) {
      return std::nullopt;
    }
    products.gates.push_back({.weight = weights.gate_up.runs[0].weight,
                              .finish = kernels::SwigluFinish{.y = whole(in.activations.activated),
                                                              .activation = activation_of(mlp)}});
    products.down = to_residual(in, weights.ffn_down, weights.ffn_post_norm);
  }
  if (mlp.mixture && !add_expert_products(in, layer, products)) return std::nullopt;
  return products;
}

// From what they gave to `attended`.
Result<void> add_mixer(const PlanInputs& in, size_t layer, bool is_rotated, Plan& plan) {
  constexpr auto kElements = kernels::Elements::kF32;
  if (in.weights.layers[layer].delta_net) return add_delta_net(in, layer, kElements, plan);
  if (!is_rotated) {
    add_qk_norm(in, layer, plan);
    WEFT_TRY(add_rope_kv(in, layer, kElements, plan));
  }
  WEFT_TRY(add_attention_of_rows(in, layer, plan));
  add_attention_gate(in, layer, kElements, plan);
  return {};
}

}  // namespace

Result<bool> add_dot_mixer(const PlanInputs& in, size_t layer, uint32_t most, Plan& plan) {
  const DeviceLayer& weights = in.weights.layers[layer];
  if (!uses_dot_products(in) || in.spec.layers[layer].parallel ||
      weights.attn_output.parts.size() != 1) {
    return false;
  }
  const auto [mixer, rotates] = mixer_products(in, layer);
  const std::vector<DotProduct> attn_output =
      to_residual(in, weights.attn_output, weights.attn_post_norm);
  if (mixer.empty() || !can_all(in, mixer) || !can_all(in, attn_output)) return false;
  add(in, normed(in, weights.attn_norm), mixer, most, plan);
  WEFT_TRY(add_mixer(in, layer, rotates, plan));
  add(in, {.x = whole(in.activations.attended)}, attn_output, most, plan);
  if (is_there(weights.attn_post_norm)) add_post_norm(in, weights.attn_post_norm, plan);
  return true;
}

bool add_dot_mlp(const PlanInputs& in, size_t layer, uint32_t most, Plan& plan) {
  const DeviceLayer& weights = in.weights.layers[layer];
  const Activations& a = in.activations;
  const model::LayerSpec& spec = in.spec.layers[layer];
  if (!uses_dot_products(in) || spec.parallel) return false;
  const std::optional<MlpProducts> mlp = mlp_products(in, layer);
  if (!mlp || !can_all(in, mlp->router) || !can_all(in, mlp->gates) ||
      !can_all(in, mlp->shared_router) || !can_all(in, mlp->down) ||
      !can_all(in, mlp->expert_sum)) {
    return false;
  }
  const DotInput x = normed(in, weights.ffn_norm);
  if (spec.mlp.mixture) {
    add(in, x, mlp->router, most, plan);
    add_route(in, layer, plan);
  }
  add(in, x, mlp->gates, most, plan);
  if (!mlp->shared_router.empty()) {
    add(in, x, mlp->shared_router, most, plan);
    add_shared_scale(in, layer, kernels::Elements::kF32, plan);
  }
  add(in, {.x = whole(a.activated)}, mlp->down, most, plan);
  add(in, {.x = whole(a.expert_activated)}, mlp->expert_sum, most, plan);
  if (is_there(weights.ffn_post_norm)) add_post_norm(in, weights.ffn_post_norm, plan);
  return true;
}

bool add_dot_head(const PlanInputs& in, uint32_t most, Plan& plan) {
  if (!uses_dot_products(in)) return false;
  const DeviceMatrix& output = in.weights.output();
  std::vector<DotProduct> products;
  for (const MatrixPart& part : output.parts) {
    products.push_back({.weight = part.weight(),
                        .finish = kernels::StoreFinish{.y = whole(in.activations.logits),
                                                       .bias = bias_of(part),
                                                       .y_stride = output.rows,
                                                       .y_first = part.first_row}});
    if (!kernels::can_dot_matvec(in.device.info(), products.back())) return false;
  }
  DotInput input = normed(in, in.weights.output_norm);
  input.rows = kernels::Count::kOutputs;
  input.outputs = in.step.outputs();
  add(in, input, products, most, plan);
  return true;
}

bool multiplies_many_rows_by_dots(const gpu::AdapterInfo& info, ManyRows many_rows) {
  if (many_rows != ManyRows::kFastest) return many_rows == ManyRows::kDot;
  return info.has_packed_dots && info.kind != gpu::AdapterKind::kSoftware &&
         !kernels::subgroup_matrix(info);
}

void add_dot_products(const PlanInputs& in, std::span<const kernels::Product> products,
                      uint32_t rows, Plan& plan) {
  const gpu::AdapterInfo& info = in.device.info();
  const kernels::DotScratch scratch{.rows = whole(in.activations.dot_rows),
                                    .lines = whole(in.activations.dot_lines)};
  bool is_ready = false;  // x, in the scratch
  for (const kernels::Product& product : products) {
    const kernels::WeightLayout& weight = product.weight.layout;
    if (!kernels::can_matmul_dot(info, weight)) {
      plan.push_back(kernels::product(in.device, product, rows));
      continue;
    }
    if (!is_ready) {
      plan.push_back(kernels::quantize_units(in.device, product.rows, product.x, weight.cols,
                                             scratch,
                                             product.experts ? product.experts->x_rows_each : 1));
      is_ready = true;
    }
    kernels::MatmulDotVariant variant = kernels::matmul_dot_variant(info, weight, rows);
    if (product.experts) variant.tile_rows = product.experts->shape.tile;
    plan.push_back(kernels::matmul_dot(in.device, product, scratch, variant));
  }
}

}  // namespace weft::backend
