#include "backend/cpu/cpu_model.h"

#include <algorithm>
#include <initializer_list>

#include "backend/cpu/pack_weights.h"
#include "formats/dequantize.h"
#include "model/features.h"

namespace weft::backend {
namespace {

// Products of one input: "matmul q4_1 960x576", with the rows of all of them.
Cost matmul_cost(std::initializer_list<const Linear*> linears) {
  Cost cost;
  uint64_t rows = 0;
  uint64_t cols = 0;
  std::string types;
  for (const Linear* linear : linears) {
    const model::Weight& weight = *linear->weight;
    const std::string_view type = formats::info(weight.tensor.type).name;
    if (types.find(type) == std::string::npos) types.append(types.empty() ? "" : "+").append(type);
    cost.fixed_bytes += weight.tensor.data.size();
    rows += weight.rows;
    cols = weight.cols;
  }
  cost.name = fmt::format("matmul {} {}x{}", types, rows, cols);
  cost.row_bytes = (rows + cols) * sizeof(float);
  cost.row_flops = 2 * rows * cols;
  return cost;
}

bool same(const model::Rope& a, const model::Rope& b) {
  return a.pairs == b.pairs && a.dims == b.dims && a.inv_freq == b.inv_freq &&
         a.magnitude == b.magnitude;
}

uint32_t find_or_add(std::vector<const model::Rope*>& ropes, const model::Rope& rope) {
  const auto found = std::ranges::find_if(ropes, [&](const auto* r) { return same(*r, rope); });
  if (found != ropes.end()) return static_cast<uint32_t>(found - ropes.begin());
  ropes.push_back(&rope);
  return static_cast<uint32_t>(ropes.size() - 1);
}

Result<void> create_norms(const model::ModelSpec& model, CpuLayer& layer) {
  const model::LayerSpec& spec = *layer.spec;
  const auto none = std::nullopt;
  WEFT_ASSIGN(layer.attn_norm, Norm::create_if_present(model, spec.attn_norm, spec.attn_norm_bias));
  WEFT_ASSIGN(layer.q_norm, Norm::create_if_present(model, spec.attn_q_norm, none));
  WEFT_ASSIGN(layer.k_norm, Norm::create_if_present(model, spec.attn_k_norm, none));
  WEFT_ASSIGN(layer.attn_post_norm, Norm::create_if_present(model, spec.attn_post_norm, none));
  WEFT_ASSIGN(layer.ffn_norm, Norm::create_if_present(model, spec.ffn_norm, spec.ffn_norm_bias));
  WEFT_ASSIGN(layer.ffn_post_norm, Norm::create_if_present(model, spec.ffn_post_norm, none));
  return {};
}

Result<void> create_mlp(CpuLayer& layer) {
  const model::LayerSpec& spec = *layer.spec;
  if (spec.mlp.mixture) {
    WEFT_ASSIGN(layer.mixture, CpuMixture::create(spec));
  }
  if (spec.mlp.ff == 0) return {};
  if (spec.ffn_gate) {
    WEFT_ASSIGN(layer.gate, Linear::create(*spec.ffn_gate, spec.ffn_gate_bias));
  }
  WEFT_ASSIGN(layer.up, Linear::create(spec.ffn_up, spec.ffn_up_bias));
  WEFT_ASSIGN(layer.down, Linear::create(spec.ffn_down, spec.ffn_down_bias));
  layer.gate_up_cost =
      layer.gate ? matmul_cost({&*layer.gate, &*layer.up}) : matmul_cost({&*layer.up});
  layer.down_cost = matmul_cost({&*layer.down});
  return {};
}

Result<void> create_attention(const model::LayerSpec& spec, CpuLayer& layer) {
  WEFT_ASSIGN(layer.q, Linear::create(spec.attn_q, spec.attn_q_bias));
  WEFT_ASSIGN(layer.k, Linear::create(spec.attn_k, spec.attn_k_bias));
  WEFT_ASSIGN(layer.v, Linear::create(spec.attn_v, spec.attn_v_bias));
  layer.qkv_cost = matmul_cost({&layer.q, &layer.k, &layer.v});
  if (spec.attn_gate) {
    WEFT_ASSIGN(layer.attn_gate, Linear::create(*spec.attn_gate, std::nullopt));
    layer.qkv_cost = matmul_cost({&layer.q, &layer.k, &layer.v, &*layer.attn_gate});
  }
  WEFT_ASSIGN(layer.output, Linear::create(spec.attn_output, spec.attn_output_bias));
  return {};
}

Result<void> create_delta_net(const model::ModelSpec& model, const model::DeltaNet& spec,
                              CpuLayer& layer) {
  WEFT_ASSIGN(layer.delta_net, CpuDeltaNet::create(model, spec));
  CpuDeltaNet& net = *layer.delta_net;
  net.in_cost = matmul_cost({&net.qkv, &net.gate, &net.beta, &net.alpha});
  WEFT_ASSIGN(layer.output, Linear::create(spec.output, std::nullopt));
  return {};
}

Result<CpuLayer> create_layer(const model::ModelSpec& model, const model::LayerSpec& spec) {
  CpuLayer layer{.spec = &spec};
  WEFT_TRY(create_norms(model, layer));
  WEFT_TRY(spec.delta_net ? create_delta_net(model, *spec.delta_net, layer)
                          : create_attention(spec, layer));
  layer.output_cost = matmul_cost({&layer.output});
  WEFT_TRY(create_mlp(layer));
  return layer;
}

void widen_decoded(CpuLimits& limits, const Linear& linear) {
  const model::Weight& weight = *linear.weight;
  if (packed_tile_bytes(weight.tensor.type, weight.cols) != 0) return;
  limits.matmul.decoded_cols = std::max(limits.matmul.decoded_cols, weight.cols);
}

// A matrix that multiplies `times` rows for each of a step.
void widen(CpuLimits& limits, const Linear& linear, uint32_t times = 1) {
  const uint32_t whole_blocks = round_up(linear.weight->cols, kActivationColumns);
  limits.matmul.cols = std::max(limits.matmul.cols, whole_blocks * times);
  widen_decoded(limits, linear);
}

// The last one of an MLP.
void widen_hidden(CpuLimits& limits, const Linear& linear, uint32_t times = 1) {
  const uint32_t whole_blocks = round_up(linear.weight->cols, kActivationColumns);
  limits.matmul.hidden_cols = std::max(limits.matmul.hidden_cols, whole_blocks * times);
  widen_decoded(limits, linear);
}

void widen(CpuLimits& limits, const CpuMixture& mixture) {
  limits.experts.widen(mixture);
  widen(limits, mixture.router);
  if (mixture.shared_router) widen(limits, *mixture.shared_router);
  for (const ExpertLinears& expert : mixture.experts) {
    for (const Linear* linear : {&expert.gate, &expert.up}) {
      widen(limits, *linear, mixture.spec.used);
    }
    widen_hidden(limits, expert.down, mixture.spec.used);
  }
}

void widen(CpuLimits& limits, const CpuLayer& layer) {
  widen(limits, layer.output);
  for (const auto* linear : {&layer.gate, &layer.up}) {
    if (*linear) widen(limits, **linear);
  }
  if (layer.down) widen_hidden(limits, *layer.down);
  if (layer.mixture) widen(limits, *layer.mixture);
  if (layer.delta_net) {
    const CpuDeltaNet& net = *layer.delta_net;
    for (const Linear* linear : {&net.qkv, &net.gate, &net.beta, &net.alpha}) {
      widen(limits, *linear);
    }
  } else {
    for (const Linear* linear : {&layer.q, &layer.k, &layer.v}) widen(limits, *linear);
    if (layer.attn_gate) widen(limits, *layer.attn_gate);
    limits.q = std::max(limits.q, layer.q.weight->rows);
    limits.kv = std::max(limits.kv, layer.k.weight->rows);
  }
  limits.ff = std::max(limits.ff, layer.spec->mlp.ff);
  const auto pairs = static_cast<uint32_t>(layer.spec->attention.rope.inv_freq.size());
  limits.rope_pairs = std::max(limits.rope_pairs, pairs);
}

using enum model::Feature;
constexpr model::Feature kSupported[] = {kLayerNorm,
                                         kNormBias,
                                         kNoPreNorm,
                                         kPostNorm,
                                         kParallelLayer,
                                         kHeadQkNorm,
                                         kWholeQkNorm,
                                         kAttentionSoftcap,
                                         kSlidingWindow,
                                         kChunkedAttention,
                                         kAttentionTemperature,
                                         kWeighedExpertInputs,
                                         kNoRotation,
                                         kRotationMagnitude,
                                         kPositionEmbedding,
                                         kGelu,
                                         kUngatedMlp,
                                         kMixture,
                                         kEmbeddingScale,
                                         kResidualScale,
                                         kLogitScale,
                                         kLogitSoftcap,
                                         kOutputBias,
                                         kDeltaNet,
                                         kAttentionGate,
                                         kAttentionSinks,
                                         kClampedSwiglu};

Result<void> expect_readable(const model::Weight& table) {
  if (formats::can_dequantize(table.tensor.type)) return {};
  return fail("Tensor '{}' is of type {}, which the CPU backend cannot read.", table.tensor.name,
              formats::info(table.tensor.type).name);
}

}  // namespace

Result<CpuModel> CpuModel::create(const model::ModelSpec& spec) {
  WEFT_TRY(model::expect_features(spec, kSupported, "The CPU backend"));
  WEFT_TRY(expect_readable(spec.token_embd));
  if (spec.position_embd) WEFT_TRY(expect_readable(*spec.position_embd));
  CpuModel model{.spec = &spec};
  for (const model::LayerSpec& layer_spec : spec.layers) {
    WEFT_ASSIGN(CpuLayer layer, create_layer(spec, layer_spec));
    if (!layer.delta_net) layer.rope = find_or_add(model.ropes, layer_spec.attention.rope);
    widen(model.limits, layer);
    model.layers.push_back(std::move(layer));
  }
  WEFT_ASSIGN(model.output_norm, Norm::create(spec, spec.output_norm, spec.output_norm_bias));
  WEFT_ASSIGN(model.head, Linear::create(spec.output, spec.output_bias));
  model.head_cost = matmul_cost({&model.head});
  widen(model.limits, model.head);
  return model;
}

namespace {

void add_linears(CpuMixture& mixture, std::vector<Linear*>& all) {
  all.push_back(&mixture.router);
  for (ExpertLinears& expert : mixture.experts) {
    all.insert(all.end(), {&expert.gate, &expert.up, &expert.down});
  }
  if (mixture.shared_router) all.push_back(&*mixture.shared_router);
}

}  // namespace

std::vector<Linear*> CpuModel::linears() {
  std::vector<Linear*> all;
  for (CpuLayer& layer : layers) {
    if (layer.delta_net) {
      CpuDeltaNet& net = *layer.delta_net;
      all.insert(all.end(), {&net.qkv, &net.gate, &net.beta, &net.alpha});
    } else {
      all.insert(all.end(), {&layer.q, &layer.k, &layer.v});
      if (layer.attn_gate) all.push_back(&*layer.attn_gate);
    }
    all.push_back(&layer.output);
    if (layer.mixture) add_linears(*layer.mixture, all);
    for (auto* linear : {&layer.gate, &layer.up, &layer.down}) {
      if (*linear) all.push_back(&**linear);
    }
  }
  all.push_back(&head);
  return all;
}

std::vector<const CpuDeltaNet*> CpuModel::delta_nets() const {
  std::vector<const CpuDeltaNet*> nets;
  for (const CpuLayer& layer : layers) {
    nets.push_back(layer.delta_net ? &*layer.delta_net : nullptr);
  }
  return nets;
}

}  // namespace weft::backend
