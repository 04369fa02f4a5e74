#include "backend/gpu/weights.h"

#include <array>
#include <cmath>
#include <initializer_list>

#include "backend/gpu/uploader.h"

namespace weft::backend {
namespace {

// Of each expert the matrices that `which` names, with their biases.
Result<ExpertMatrices> upload_experts(
    Uploader& uploader, const std::vector<model::Expert>& experts,
    std::initializer_list<model::Weight model::Expert::*> which,
    std::initializer_list<std::optional<model::Weight> model::Expert::*> which_biases) {
  std::vector<std::vector<const model::Weight*>> matrices, biases;
  for (const model::Expert& expert : experts) {
    matrices.emplace_back();
    biases.emplace_back();
    for (const auto matrix : which) matrices.back().push_back(&(expert.*matrix));
    for (const auto bias : which_biases) {
      if (expert.*bias) biases.back().push_back(&*(expert.*bias));
    }
  }
  return uploader.experts(matrices, biases);
}

Result<DeviceMixture> upload_mixture(Uploader& uploader, const model::LayerSpec& spec) {
  using model::Expert;
  const Expert& first = spec.experts.front();
  DeviceMixture mixture;
  WEFT_ASSIGN(mixture.router, uploader.matrix(*spec.ffn_router, spec.ffn_router_bias));
  if (first.gate.tensor.type == first.up.tensor.type) {
    WEFT_ASSIGN(ExpertMatrices both,
                upload_experts(uploader, spec.experts, {&Expert::gate, &Expert::up},
                               {&Expert::gate_bias, &Expert::up_bias}));
    mixture.gate_up.push_back(std::move(both));
  } else {
    WEFT_ASSIGN(ExpertMatrices gate,
                upload_experts(uploader, spec.experts, {&Expert::gate}, {&Expert::gate_bias}));
    WEFT_ASSIGN(ExpertMatrices up,
                upload_experts(uploader, spec.experts, {&Expert::up}, {&Expert::up_bias}));
    up.first_row = gate.rows;
    mixture.gate_up.push_back(std::move(gate));
    mixture.gate_up.push_back(std::move(up));
  }
  WEFT_ASSIGN(mixture.down,
              upload_experts(uploader, spec.experts, {&Expert::down}, {&Expert::down_bias}));
  if (spec.ffn_shared_router) {
    WEFT_ASSIGN(mixture.shared_router, uploader.matrix(*spec.ffn_shared_router));
  }
  return mixture;
}

Result<DeviceDeltaNet> upload_delta_net(Uploader& uploader, const model::DeltaNet& spec) {
  DeviceDeltaNet net;
  const std::optional<model::Weight> none;
  const std::array in{Uploader::Source{spec.qkv, none}, Uploader::Source{spec.gate, none},
                      Uploader::Source{spec.beta, none}, Uploader::Source{spec.alpha, none}};
  WEFT_ASSIGN(net.in, uploader.stack(in));
  WEFT_ASSIGN(net.conv, uploader.vectors(std::array{std::optional(spec.conv)}));
  const std::array heads{std::optional(spec.decay), std::optional(spec.dt_bias)};
  WEFT_ASSIGN(net.heads, uploader.vectors(heads));
  const auto dim = static_cast<float>(spec.k_dim);
  std::vector<float> lengths(spec.k_dim, 1 / dim);             // q / length / sqrt(dim)
  lengths.resize(size_t{2} * spec.k_dim, 1 / std::sqrt(dim));  // k / length
  WEFT_ASSIGN(net.lengths, uploader.constants(lengths));
  WEFT_ASSIGN(net.norm, uploader.norm(spec.norm));
  return net;
}

Result<void> upload_attention(Uploader& uploader, const model::LayerSpec& spec,
                              std::vector<gpu::Buffer>& rope_turns, DeviceLayer& layer) {
  WEFT_ASSIGN(layer.rope, uploader.rope(spec.attention.rope, rope_turns));
  const std::array qkv{Uploader::Source{spec.attn_q, spec.attn_q_bias},
                       Uploader::Source{spec.attn_k, spec.attn_k_bias},
                       Uploader::Source{spec.attn_v, spec.attn_v_bias}};
  WEFT_ASSIGN(layer.qkv, uploader.stack(qkv));
  const std::array qk_norm{spec.attn_q_norm, spec.attn_k_norm};
  WEFT_ASSIGN(layer.qk_norm, uploader.vectors(qk_norm));
  if (spec.attn_gate) {
    WEFT_ASSIGN(layer.attn_gate, uploader.matrix(*spec.attn_gate));
  }
  WEFT_ASSIGN(layer.attn_sinks, uploader.vectors(std::array{spec.attn_sinks}));
  WEFT_ASSIGN(layer.attn_output, uploader.matrix(spec.attn_output, spec.attn_output_bias));
  return {};
}

Result<DeviceLayer> upload_layer(Uploader& uploader, const model::LayerSpec& spec,
                                 std::vector<gpu::Buffer>& rope_turns) {
  DeviceLayer layer;
  WEFT_ASSIGN(layer.attn_norm, uploader.norm(spec.attn_norm, spec.attn_norm_bias));
  if (spec.delta_net) {
    WEFT_ASSIGN(layer.delta_net, upload_delta_net(uploader, *spec.delta_net));
    WEFT_ASSIGN(layer.attn_output, uploader.matrix(spec.delta_net->output));
  } else {
    WEFT_TRY(upload_attention(uploader, spec, rope_turns, layer));
  }
  WEFT_ASSIGN(layer.attn_post_norm, uploader.norm(spec.attn_post_norm));
  WEFT_ASSIGN(layer.ffn_norm, uploader.norm(spec.ffn_norm, spec.ffn_norm_bias));
  if (spec.mlp.mixture) {
    WEFT_ASSIGN(layer.mixture, upload_mixture(uploader, spec));
  }
  WEFT_ASSIGN(layer.ffn_post_norm, uploader.norm(spec.ffn_post_norm));
  if (spec.mlp.ff == 0) return layer;
  std::vector<Uploader::Source> gate_up;
  if (spec.ffn_gate) gate_up.push_back({*spec.ffn_gate, spec.ffn_gate_bias});
  gate_up.push_back({spec.ffn_up, spec.ffn_up_bias});
  WEFT_ASSIGN(layer.gate_up, uploader.stack(gate_up));
  WEFT_ASSIGN(layer.ffn_down, uploader.matrix(spec.ffn_down, spec.ffn_down_bias));
  return layer;
}

}  // namespace

Result<DeviceWeights> upload_weights(gpu::Device& device, const model::ModelSpec& spec,
                                     const std::function<void(uint64_t, uint64_t)>& progress) {
  Uploader uploader(device, spec.weight_bytes(), progress);
  DeviceWeights weights;
  // A tied head has its bias beside the embedding.
  const auto tied_bias = spec.tied_output ? spec.output_bias : std::nullopt;
  WEFT_ASSIGN(weights.token_embd, uploader.matrix(spec.token_embd, tied_bias));
  if (spec.position_embd) {
    WEFT_ASSIGN(weights.position_embd, uploader.matrix(*spec.position_embd));
  }
  WEFT_ASSIGN(weights.output_norm,
              uploader.norm(spec.output_norm, spec.output_norm_bias, spec.logit_scale));
  if (!spec.tied_output) {
    WEFT_ASSIGN(weights.untied_output, uploader.matrix(spec.output, spec.output_bias));
  }
  weights.layers.reserve(spec.layers.size());
  for (const model::LayerSpec& layer : spec.layers) {
    WEFT_ASSIGN(DeviceLayer uploaded, upload_layer(uploader, layer, weights.rope_turns));
    weights.layers.push_back(std::move(uploaded));
  }
  weights.size_bytes = uploader.allocated_bytes();
  return weights;
}

}  // namespace weft::backend
