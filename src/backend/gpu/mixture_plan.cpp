#include "backend/gpu/mixture_plan.h"

#include <algorithm>
#include <bit>

#include "backend/gpu/dot_plan.h"
#include "backend/gpu/plan_parts.h"
#include "base/checked.h"
#include "kernels/expert_matvec/expert_matvec.h"
#include "kernels/expert_sum/expert_sum.h"
#include "kernels/expert_tiles/expert_tiles.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul_dot/matmul_dot.h"
#include "kernels/matvec/matvec.h"
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
    products.push_back({.weight = part.weight(),
                        .first_expert = part.first_expert,
                        .n = matrices.rows,
                        .used = used,
                        .choices = whole(in.activations.choices),
                        .bias = bias_of(matrices)});
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

void add_shared_scale(const PlanInputs& in, size_t layer, kernels::Elements activated, Plan& plan) {
  const Activations& a = in.activations;
  plan.push_back(kernels::row_gate(in.device,
                                   {.cols = in.spec.layers[layer].mlp.ff, .x = activated},
                                   {.logits = whole(a.router_logits), .x = whole(a.activated)}));
}

void MixturePlan::add_router(const DeviceMatrix& router, const gpu::Buffer& x, Plan& plan) const {
  for (const kernels::Product& product :
       products_of(router, x, in_.activations.router_logits, kernels::Store::kReplace)) {
    // Tiles of results would be too few to fill a large GPU.
    plan.push_back(kernels::product(in_.device, product, std::min(most_, kernels::kMaxMatvecRows)));
  }
}

void MixturePlan::add_choices(const gpu::Buffer& x, Plan& plan) const {
  add_router(weights().router, x, plan);
  add_route(in_, layer_, plan);
}

// As high as rows are many, so that each expert's weights are unpacked few times and tiles are
// mostly full. Not measured.
kernels::ExpertTiles MixturePlan::tiles() const {
  const model::Mixture& mixture = *mlp().mixture;
  const uint32_t rows_of_expert = ceil_div(most_ * mixture.used, mixture.experts);
  const uint32_t highest = matrices_ != nullptr ? 128 : 64;
  return {.experts = mixture.experts,
          .used = mixture.used,
          .tile = std::clamp(std::bit_ceil(rows_of_expert), kernels::kExpertTileSizes[0], highest)};
}

// Their y is for the caller to say.
std::vector<kernels::Product> MixturePlan::tiled_products(const ExpertMatrices& matrices,
                                                          const gpu::Buffer& x,
                                                          uint32_t x_rows_each) const {
  std::vector<kernels::Product> products;
  for (const ExpertMatrices::Part& part : matrices.parts) {
    products.push_back(
        {.weight = part.weight(),
         .x = whole(x),
         .bias = bias_of(matrices),
         .y_stride = matrices.rows,
         .experts = kernels::ProductOfExperts{.shape = tiles(),
                                              .tiles = whole(in_.activations.expert_tiles),
                                              .n = matrices.rows,
                                              .first_expert = part.first_expert,
                                              .x_rows_each = x_rows_each}});
  }
  return products;
}

void MixturePlan::add_tiled(const kernels::Product& product, Plan& plan) const {
  if (matrices_ != nullptr) return matrices_->add(product, most_, plan);
  const gpu::AdapterInfo& info = in_.device.info();
  if (multiplies_many_rows_by_dots(info, in_.products.many_rows) &&
      kernels::can_matmul_dot(info, product.weight.layout)) {
    return add_dot_products(in_, {&product, 1}, most_, plan);
  }
  plan.push_back(kernels::matmul(
      in_.device, product,
      {.tile_rows = tiles().tile, .tile_n = 64, .x = kernels::x_quads_for(product.weight.layout)}));
}

// With what the gate makes of them; false, and nothing is added, where that takes a dispatch of its
// own.
bool MixturePlan::add_tiled_gates(const gpu::Buffer& x, Plan& plan) const {
  if (matrices_ == nullptr || weights().gate_up.size() != 1 || mlp().mixture->weighs_inputs) {
    return false;
  }
  for (kernels::Product& product : tiled_products(weights().gate_up[0], x, 1)) {
    product.y = whole(in_.activations.expert_activated);
    if (!matrices_->add_gated(product, activation_of(mlp()), most_, plan)) return false;
  }
  return true;
}

void MixturePlan::add_gates(const gpu::Buffer& x, Plan& plan) const {
  const Activations& a = in_.activations;
  const model::Mixture& mixture = *mlp().mixture;
  if (rows_ == ExpertRows::kTiled) {
    plan.push_back(kernels::expert_tiles(
        in_.device, tiles(), {.choices = whole(a.choices), .tiles = whole(a.expert_tiles)}));
    if (add_tiled_gates(x, plan)) return;
  }
  for (const ExpertMatrices& matrices : weights().gate_up) {
    if (rows_ == ExpertRows::kTiled) {
      for (kernels::Product& product : tiled_products(matrices, x, 1)) {
        product.y = whole(a.expert_gate_up);
        product.y_stride = 2 * mixture.ff;
        product.y_first = matrices.first_row;
        add_tiled(product, plan);
      }
      continue;
    }
    for (const auto& product : expert_products(in_, matrices, mixture.used)) {
      plan.push_back(kernels::expert_matvec(in_.device, product,
                                            kernels::EachExpert{.x = whole(x),
                                                                .y = whole(a.expert_gate_up),
                                                                .y_stride = 2 * mixture.ff,
                                                                .y_first = matrices.first_row}));
    }
  }
  // Where weights multiply what experts read, w, their results are the same with only the gate
  // multiplied as well, since down is multiplied anyway: down(activate(w gate) * w up).
  plan.push_back(
      kernels::swiglu(in_.device,
                      {.cols = mixture.ff,
                       .activation = activation_of(mlp()),
                       .y = elements(),
                       .rows_each = mixture.used},
                      {.gate_up = whole(a.expert_gate_up),
                       .y = whole(a.expert_activated),
                       .choices = mixture.weighs_inputs ? whole(a.choices) : gpu::Binding{}}));
}

void MixturePlan::add_shared_gate(const gpu::Buffer& x, Plan& plan) const {
  if (!weights().shared_router) return;
  add_router(*weights().shared_router, x, plan);
  add_shared_scale(in_, layer_, elements(), plan);
}

void MixturePlan::add_sum(Plan& plan) const {
  const Activations& a = in_.activations;
  const uint32_t used = mlp().mixture->used;
  if (rows_ == ExpertRows::kEach) {
    for (const auto& product : expert_products(in_, weights().down, used)) {
      plan.push_back(kernels::expert_matvec(
          in_.device, product,
          kernels::SumOfExperts{.x = whole(a.expert_activated), .y = whole(a.residual)}));
    }
    return;
  }
  for (kernels::Product& product : tiled_products(weights().down, a.expert_activated, used)) {
    product.y = whole(a.expert_out);
    add_tiled(product, plan);
  }
  plan.push_back(kernels::expert_sum(
      in_.device, used, in_.spec.embd,
      {.x = whole(a.expert_out), .choices = whole(a.choices), .y = whole(a.residual)}));
}

}  // namespace weft::backend
