#include "backend/gpu/mixture_plan.h"

#include "backend/gpu/plan_parts.h"
#include "kernels/expert_matvec/expert_matvec.h"
#include "kernels/route/route.h"
#include "kernels/row_gate/row_gate.h"
#include "kernels/swiglu/swiglu.h"

namespace weft::backend {
namespace {

static_assert(kernels::kMixerReach == model::kMixerReach);
static_assert(kernels::kMaxRouteExperts == model::kMaxExperts);
static_assert(kernels::kMaxRouteUsed == model::kMaxExpertsUsed);

constexpr uint32_t kMaxGrid = 65535;  // workgroups along y

kernels::Scores scores_of(model::Router router) {
  switch (router) {
    case model::Router::kSoftmax:
      return kernels::Scores::kSoftmax;
    case model::Router::kSigmoid:
      return kernels::Scores::kSigmoid;
    case model::Router::kSparseMixer:
      return kernels::Scores::kSparseMixer;
  }
  return {};
}

std::vector<kernels::ExpertProduct> expert_products(const PlanInputs& in,
                                                    const ExpertMatrices& matrices, uint32_t used) {
  std::vector<kernels::ExpertProduct> products;
  for (const ExpertMatrices::Part& part : matrices.parts) {
    products.push_back(
        {.weight = part.weight(),
         .first_expert = part.first_expert,
         .n = matrices.rows,
         .used = used,
         .choices = whole(in.activations.choices),
         .bias = matrices.bias.size_bytes() > 0 ? whole(matrices.bias) : gpu::Binding{}});
  }
  return products;
}

}  // namespace

Result<void> expect_mixtures_fit(const model::ModelSpec& spec, const Options& options) {
  for (const model::LayerSpec& layer : spec.layers) {
    if (!layer.mlp.mixture) continue;
    for (const uint32_t rows : {layer.mlp.mixture->ff, spec.embd}) {
      if (rows % kernels::kRowAlignment == 0) continue;
      return fail("Matrices of experts have {} rows, and the GPU backend takes multiples of {}.",
                  rows, kernels::kRowAlignment);
    }
    if (uint64_t{options.max_rows} * layer.mlp.mixture->used > kMaxGrid) {
      return fail("Steps of {} rows that go through {} experts each are more than {} on a GPU.",
                  options.max_rows, layer.mlp.mixture->used, kMaxGrid);
    }
  }
  return {};
}

void add_route(const PlanInputs& in, size_t layer, Plan& plan) {
  const Activations& a = in.activations;
  const model::Mixture& mixture = *in.spec.layers[layer].mlp.mixture;
  plan.push_back(kernels::route(in.device,
                                {.experts = mixture.experts,
                                 .used = mixture.used,
                                 .scores = scores_of(mixture.router),
                                 .normalized = mixture.normalized},
                                {.logits = whole(a.router_logits), .choices = whole(a.choices)}));
}

void add_shared_scale(const PlanInputs& in, size_t layer, Plan& plan) {
  const Activations& a = in.activations;
  plan.push_back(kernels::row_gate(in.device, in.spec.layers[layer].mlp.ff,
                                   {.logits = whole(a.router_logits), .x = whole(a.activated)}));
}

void add_expert_choices(const PlanInputs& in, size_t layer, const gpu::Buffer& x, uint32_t most,
                        Plan& plan) {
  const Activations& a = in.activations;
  const model::Mlp& mlp = in.spec.layers[layer].mlp;
  const model::Mixture& mixture = *mlp.mixture;
  const DeviceMixture& weights = *in.weights.layers[layer].mixture;
  for (const kernels::Product& product :
       products_of(weights.router, x, a.router_logits, kernels::Store::kReplace)) {
    plan.push_back(kernels::product(in.device, product, most));
  }
  add_route(in, layer, plan);
  for (const ExpertMatrices& matrices : weights.gate_up) {
    for (const auto& product : expert_products(in, matrices, mixture.used)) {
      plan.push_back(kernels::expert_matvec(in.device, product,
                                            kernels::EachExpert{.x = whole(x),
                                                                .y = whole(a.expert_gate_up),
                                                                .y_stride = 2 * mixture.ff,
                                                                .y_first = matrices.first_row}));
    }
  }
  // Where weights multiply what experts read, w, their results are the same with only the gate
  // multiplied as well, since down is multiplied anyway: down(activate(w gate) * w up).
  plan.push_back(kernels::swiglu(
      in.device, {.cols = mixture.ff, .activation = activation_of(mlp), .rows_each = mixture.used},
      {.gate_up = whole(a.expert_gate_up),
       .y = whole(a.expert_activated),
       .choices = mixture.weighs_inputs ? whole(a.choices) : gpu::Binding{}}));
}

void add_shared_gate(const PlanInputs& in, size_t layer, const gpu::Buffer& x, uint32_t most,
                     Plan& plan) {
  const Activations& a = in.activations;
  const std::optional<DeviceMatrix>& router = in.weights.layers[layer].mixture->shared_router;
  if (!router) return;
  for (const kernels::Product& product :
       products_of(*router, x, a.router_logits, kernels::Store::kReplace)) {
    plan.push_back(kernels::product(in.device, product, most));
  }
  add_shared_scale(in, layer, plan);
}

void add_expert_outputs(const PlanInputs& in, size_t layer, Plan& plan) {
  const Activations& a = in.activations;
  const ExpertMatrices& down = in.weights.layers[layer].mixture->down;
  const uint32_t used = in.spec.layers[layer].mlp.mixture->used;
  for (const auto& product : expert_products(in, down, used)) {
    plan.push_back(kernels::expert_matvec(
        in.device, product,
        kernels::SumOfExperts{.x = whole(a.expert_activated), .y = whole(a.residual)}));
  }
}

}  // namespace weft::backend
