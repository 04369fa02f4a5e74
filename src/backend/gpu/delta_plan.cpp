#include "backend/gpu/delta_plan.h"

#include "backend/gpu/plan_parts.h"
#include "kernels/delta_rule/delta_rule.h"
#include "kernels/gated_norm/gated_norm.h"
#include "kernels/qk_norm/qk_norm.h"
#include "kernels/short_conv/short_conv.h"

namespace weft::backend {
namespace {

kernels::Dispatch convolution(const PlanInputs& in, size_t layer) {
  const model::DeltaNet& net = *in.spec.layers[layer].delta_net;
  return kernels::short_conv(
      in.device, {.channels = net.channels(), .taps = net.taps, .x_stride = delta_in_width(net)},
      {.sequences = in.step.sequences(),
       .x = whole(in.activations.delta_in),
       .w = whole(in.weights.layers[layer].delta_net->conv),
       .states = whole(in.states.layers[layer].inputs),
       .y = whole(in.activations.convolved)});
}

// x / sqrt(sum(x^2) + 1e-6), as an RMS norm.
kernels::Dispatch lengths(const PlanInputs& in, size_t layer) {
  const model::DeltaNet& net = *in.spec.layers[layer].delta_net;
  return kernels::qk_norm(in.device,
                          {.row_width = net.channels(),
                           .q_parts = net.k_heads,
                           .q_size = net.k_dim,
                           .k_parts = net.k_heads,
                           .k_size = net.k_dim,
                           .eps = 1e-6F / static_cast<float>(net.k_dim)},
                          {.w = whole(in.weights.layers[layer].delta_net->lengths),
                           .x = whole(in.activations.convolved)},
                          kernels::workgroup_sum_for(in.device.info()));
}

Result<kernels::Dispatch> rule(const PlanInputs& in, size_t layer) {
  const model::DeltaNet& net = *in.spec.layers[layer].delta_net;
  const uint32_t first_beta = net.channels() + net.v_heads * net.v_dim;
  return kernels::delta_rule(in.device,
                             {.k_heads = net.k_heads,
                              .v_heads = net.v_heads,
                              .k_dim = net.k_dim,
                              .v_dim = net.v_dim,
                              .grouped = net.key_heads == model::KeyHeads::kGrouped,
                              .gates_stride = delta_in_width(net),
                              .first_beta = first_beta,
                              .first_alpha = first_beta + net.v_heads},
                             {.sequences = in.step.sequences(),
                              .qkv = whole(in.activations.convolved),
                              .gates = whole(in.activations.delta_in),
                              .heads = whole(in.weights.layers[layer].delta_net->heads),
                              .states = whole(in.states.layers[layer].matrices),
                              .y = whole(in.activations.read)},
                             kernels::delta_rule_loops_for(in.device.info()));
}

}  // namespace

Result<void> add_delta_net(const PlanInputs& in, size_t layer, kernels::Elements attended,
                           Plan& plan) {
  const model::DeltaNet& net = *in.spec.layers[layer].delta_net;
  WEFT_ASSIGN(kernels::Dispatch delta_rule, rule(in, layer));
  plan.push_back(convolution(in, layer));
  plan.push_back(lengths(in, layer));
  plan.push_back(std::move(delta_rule));
  plan.push_back(kernels::gated_norm(in.device,
                                     {.heads = net.v_heads,
                                      .dim = net.v_dim,
                                      .eps = in.spec.norm_eps,
                                      .gate_stride = delta_in_width(net),
                                      .first_gate = net.channels(),
                                      .y = attended},
                                     {.x = whole(in.activations.read),
                                      .w = whole(in.weights.layers[layer].delta_net->norm),
                                      .gate = whole(in.activations.delta_in),
                                      .y = whole(in.activations.attended)},
                                     kernels::workgroup_sum_for(in.device.info())));
  return {};
}

}  // namespace weft::backend
