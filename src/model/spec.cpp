#include "model/spec.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

namespace weft::model {
namespace {

using Use = std::function<void(WeightRole, const Weight&)>;

void use_optional(const Use& use, WeightRole role, const std::optional<Weight>& weight) {
  if (weight) use(role, *weight);
}

void for_each_weight_of(const DeltaNet& net, const Use& use) {
  for (const Weight* w :
       {&net.qkv, &net.gate, &net.beta, &net.alpha, &net.conv, &net.decay, &net.dt_bias}) {
    use(WeightRole::kDeltaNet, *w);
  }
  use(WeightRole::kNorm, net.norm);
  use(WeightRole::kDeltaNet, net.output);
}

void for_each_weight_of_attention(const LayerSpec& layer, const Use& use) {
  using enum WeightRole;
  for (const Weight* w : {&layer.attn_q, &layer.attn_k, &layer.attn_v}) use(kAttention, *w);
  for (const auto* w : {&layer.attn_q_bias, &layer.attn_k_bias, &layer.attn_v_bias}) {
    use_optional(use, kAttention, *w);
  }
  for (const auto* w : {&layer.attn_q_norm, &layer.attn_k_norm}) use_optional(use, kNorm, *w);
  use_optional(use, kAttention, layer.attn_gate);
  use_optional(use, kAttention, layer.attn_sinks);
  use(kAttention, layer.attn_output);
  use_optional(use, kAttention, layer.attn_output_bias);
}

void for_each_weight_of(const LayerSpec& layer, const Use& use) {
  using enum WeightRole;
  for (const auto* w : {&layer.attn_norm, &layer.attn_norm_bias}) use_optional(use, kNorm, *w);
  if (layer.delta_net) {
    for_each_weight_of(*layer.delta_net, use);
  } else {
    for_each_weight_of_attention(layer, use);
  }
  for (const auto* w : {&layer.attn_post_norm, &layer.ffn_norm, &layer.ffn_norm_bias}) {
    use_optional(use, kNorm, *w);
  }
  use_optional(use, kMlp, layer.ffn_gate);
  if (layer.mlp.ff != 0) {
    for (const Weight* w : {&layer.ffn_up, &layer.ffn_down}) use(kMlp, *w);
  }
  for (const auto* w : {&layer.ffn_gate_bias, &layer.ffn_up_bias, &layer.ffn_down_bias}) {
    use_optional(use, kMlp, *w);
  }
  for (const auto* w : {&layer.ffn_shared_router, &layer.ffn_router, &layer.ffn_router_bias}) {
    use_optional(use, kMlp, *w);
  }
  for (const Expert& expert : layer.experts) {
    for (const Weight* w : {&expert.gate, &expert.up, &expert.down}) use(kExperts, *w);
    for (const auto* w : {&expert.gate_bias, &expert.up_bias, &expert.down_bias}) {
      use_optional(use, kExperts, *w);
    }
  }
  use_optional(use, kNorm, layer.ffn_post_norm);
}

}  // namespace

std::string_view name(WeightRole role) {
  switch (role) {
    case WeightRole::kTokenEmbedding:
      return "token embedding";
    case WeightRole::kAttention:
      return "attention";
    case WeightRole::kDeltaNet:
      return "delta net";
    case WeightRole::kMlp:
      return "feed forward";
    case WeightRole::kExperts:
      return "experts";
    case WeightRole::kNorm:
      return "norms";
    case WeightRole::kOutput:
      return "output head";
  }
  return "unknown";
}

float Attention::scale_at(uint32_t pos) const {
  const uint64_t steps = (uint64_t{pos} + 1) / temperature.length;
  return scale * (1 + temperature.scale * std::log1p(static_cast<float>(steps)));
}

Result<void> ModelSpec::fit_vocabulary(uint64_t tokens) {
  if (tokens > vocab) {
    return fail("The tokenizer has {} tokens, and the model's embedding has {} rows.", tokens,
                vocab);
  }
  const auto cut = [&](Weight& weight, uint32_t& count, uint64_t& dim) {
    weight.tensor.data = weight.tensor.data.first(weight.tensor.data.size() / count * tokens);
    dim = count = static_cast<uint32_t>(tokens);
  };
  cut(token_embd, token_embd.rows, token_embd.tensor.dims[1]);
  cut(output, output.rows, output.tensor.dims[1]);
  if (output_bias) cut(*output_bias, output_bias->cols, output_bias->tensor.dims[0]);
  vocab = static_cast<uint32_t>(tokens);
  return {};
}

void ModelSpec::for_each_weight(const Use& use) const {
  use(WeightRole::kTokenEmbedding, token_embd);
  use_optional(use, WeightRole::kTokenEmbedding, position_embd);
  for (const LayerSpec& layer : layers) for_each_weight_of(layer, use);
  use(WeightRole::kNorm, output_norm);
  use_optional(use, WeightRole::kNorm, output_norm_bias);
  if (!tied_output) use(WeightRole::kOutput, output);
  use_optional(use, WeightRole::kOutput, output_bias);
}

bool ModelSpec::is_recurrent() const {
  return std::ranges::any_of(layers,
                             [](const LayerSpec& layer) { return layer.delta_net.has_value(); });
}

uint64_t ModelSpec::parameters() const {
  uint64_t sum = 0;
  for_each_weight([&](WeightRole, const Weight& w) { sum += w.tensor.elements(); });
  return sum;
}

uint64_t ModelSpec::weight_bytes() const {
  uint64_t sum = 0;
  for_each_weight([&](WeightRole, const Weight& w) { sum += w.tensor.data.size(); });
  return sum;
}

std::string ModelSpec::quantization() const {
  if (!file_type.empty()) return file_type;
  std::map<formats::TensorType, uint64_t> elements;
  for_each_weight(
      [&](WeightRole, const Weight& w) { elements[w.tensor.type] += w.tensor.elements(); });
  const auto most = std::ranges::max_element(elements, {}, [](const auto& e) { return e.second; });
  std::string out(formats::info(most->first).name);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::toupper(c); });
  return out;
}

}  // namespace weft::model
