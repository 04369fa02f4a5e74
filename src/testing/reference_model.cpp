#include "testing/reference_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "base/half.h"
#include "testing/reference_delta_net.h"
#include "testing/reference_rows.h"

namespace weft::testing {
namespace {

using model::LayerSpec;
using model::ModelSpec;
using model::Weight;

void add(Rows& x, float scale, const Rows& y) {
  for (size_t p = 0; p < x.size(); ++p) {
    for (size_t i = 0; i < x[p].size(); ++i) x[p][i] += static_cast<double>(scale) * y[p][i];
  }
}

// Of each part of `size` elements of `row`, by itself; the weights are those of one part.
void normalize(model::NormKind kind, double eps, const Row& w, const Row& bias, size_t size,
               Row& row) {
  const auto n = static_cast<double>(size);
  for (size_t first = 0; first < row.size(); first += size) {
    double mean = 0;
    if (kind == model::NormKind::kLayer) {
      for (size_t i = 0; i < size; ++i) mean += row[first + i] / n;
    }
    double squares = 0;
    for (size_t i = 0; i < size; ++i) squares += std::pow(row[first + i] - mean, 2);
    const double scale = 1 / std::sqrt(squares / n + eps);
    for (size_t i = 0; i < size; ++i) {
      double& x = row[first + i];
      x = (x - mean) * scale * w[i] + (bias.empty() ? 0 : bias[i]);
    }
  }
}

// Each row of x in parts as wide as the weight; x itself where there is no weight.
Rows norm(const ModelSpec& spec, const std::optional<Weight>& weight,
          const std::optional<Weight>& bias, Rows x) {
  if (!weight) return x;
  const Row w = weight_row(*weight, 0);
  const Row b = bias ? weight_row(*bias, 0) : Row();
  for (Row& row : x) {
    normalize(spec.norm, static_cast<double>(spec.norm_eps), w, b, w.size(), row);
  }
  return x;
}

double soft_capped(double x, float cap) {
  return cap == 0 ? x : static_cast<double>(cap) * std::tanh(x / static_cast<double>(cap));
}

// Turns the pairs of each head by pos * inv_freq, and scales them by the magnitude.
void rotate(const model::Rope& rope, size_t head_dim, size_t pos, Row& x) {
  const bool adjacent = rope.pairs == model::RopePairs::kAdjacent;
  const size_t pairs = rope.dims / 2;
  for (size_t head = 0; head < x.size(); head += head_dim) {
    for (size_t i = 0; i < pairs; ++i) {
      double& a = x[head + (adjacent ? 2 * i : i)];
      double& b = x[head + (adjacent ? 2 * i + 1 : i + pairs)];
      const double angle = static_cast<double>(pos) * static_cast<double>(rope.inv_freq[i]);
      const auto magnitude = static_cast<double>(rope.magnitude);
      const double turned = magnitude * (a * std::cos(angle) - b * std::sin(angle));
      b = magnitude * (a * std::sin(angle) + b * std::cos(angle));
      a = turned;
    }
  }
}

// One head at one position: softmax over all positions up to it that its window shows.
// `sinks`: empty, or a score for each head that takes its share and gives nothing.
void attend(const model::Attention& spec, const Row& sinks, size_t head, size_t pos, const Rows& q,
            const Rows& k, const Rows& v, Row& out) {
  const size_t q_first = head * spec.head_dim;
  const size_t kv_first = head / (spec.n_heads / spec.n_kv_heads) * spec.head_dim;
  size_t first = spec.window == 0 || pos < spec.window ? 0 : pos + 1 - spec.window;
  if (spec.window != 0 && spec.chunked) first = pos / spec.window * spec.window;
  const double steps = std::floor((pos + 1.0) / spec.temperature.length);
  const double scale = static_cast<double>(spec.scale) *
                       (1 + static_cast<double>(spec.temperature.scale) * std::log(1 + steps));
  Row weights;
  for (size_t p = first; p <= pos; ++p) {
    double dot = 0;
    for (size_t i = 0; i < spec.head_dim; ++i) dot += q[pos][q_first + i] * k[p][kv_first + i];
    weights.push_back(soft_capped(dot * scale, spec.softcap));
  }
  double most = std::ranges::max(weights);
  if (!sinks.empty()) most = std::max(most, sinks[head]);
  double sum = sinks.empty() ? 0 : std::exp(sinks[head] - most);
  for (double& w : weights) sum += w = std::exp(w - most);
  for (size_t p = first; p <= pos; ++p) {
    for (size_t i = 0; i < spec.head_dim; ++i) {
      out[q_first + i] += weights[p - first] / sum * v[p][kv_first + i];
    }
  }
}

void round_to_half(Rows& rows) {
  for (Row& row : rows) {
    for (double& x : row) {
      x = static_cast<double>(half_to_float(float_to_half(static_cast<float>(x))));
    }
  }
}

Rows attention(const ModelSpec& model, const LayerSpec& layer, const Rows& x, KvStore kv) {
  const model::Attention& spec = layer.attention;
  Rows q = linear(layer.attn_q, layer.attn_q_bias, x);
  Rows k = linear(layer.attn_k, layer.attn_k_bias, x);
  Rows v = linear(layer.attn_v, layer.attn_v_bias, x);
  if (spec.qk_norm != model::QkNorm::kNone) {
    q = norm(model, layer.attn_q_norm, std::nullopt, std::move(q));
    k = norm(model, layer.attn_k_norm, std::nullopt, std::move(k));
  }
  for (size_t pos = 0; pos < x.size(); ++pos) {
    rotate(spec.rope, spec.head_dim, pos, q[pos]);
    rotate(spec.rope, spec.head_dim, pos, k[pos]);
  }
  if (kv == KvStore::kHalf) {
    round_to_half(k);
    round_to_half(v);
  }
  const Row sinks = layer.attn_sinks ? weight_row(*layer.attn_sinks, 0) : Row();
  Rows mixed(x.size(), Row(size_t{spec.n_heads} * spec.head_dim));
  for (size_t pos = 0; pos < x.size(); ++pos) {
    for (size_t head = 0; head < spec.n_heads; ++head) {
      attend(spec, sinks, head, pos, q, k, v, mixed[pos]);
    }
  }
  if (layer.attn_gate) {
    const Rows gate = linear(*layer.attn_gate, std::nullopt, x);
    for (size_t pos = 0; pos < x.size(); ++pos) {
      for (size_t i = 0; i < gate[pos].size(); ++i) mixed[pos][i] *= sigmoid(gate[pos][i]);
    }
  }
  return linear(layer.attn_output, layer.attn_output_bias, mixed);
}

double activate(model::Activation activation, double x) {
  switch (activation) {
    case model::Activation::kSilu:
      return x / (1 + std::exp(-x));
    case model::Activation::kGelu:
      return x * (1 + std::erf(x / std::numbers::sqrt2)) / 2;
    case model::Activation::kGeluTanh: {
      const double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
      return x * (1 + std::tanh(inner)) / 2;
    }
    case model::Activation::kClampedSwiglu:
      break;  // has a gate
  }
  CHECK(!"an activation of one number");
  return 0;
}

double gated(model::Activation activation, double gate, double up) {
  if (activation != model::Activation::kClampedSwiglu) return activate(activation, gate) * up;
  gate = std::min(gate, 7.0);
  return gate / (1 + std::exp(-1.702 * gate)) * (std::clamp(up, -7.0, 7.0) + 1);
}

Rows dense_mlp(const LayerSpec& layer, const Rows& x) {
  Rows inner = linear(layer.ffn_up, layer.ffn_up_bias, x);
  const Rows gate = layer.mlp.gated ? linear(*layer.ffn_gate, layer.ffn_gate_bias, x) : Rows();
  for (size_t p = 0; p < x.size(); ++p) {
    for (size_t i = 0; i < inner[p].size(); ++i) {
      double& v = inner[p][i];
      v = layer.mlp.gated ? gated(layer.mlp.activation, gate[p][i], v)
                          : activate(layer.mlp.activation, v);
    }
  }
  return linear(layer.ffn_down, layer.ffn_down_bias, inner);
}

struct Choice {
  size_t expert;
  double weight;
};

// `used` times the largest of those that are left, by softmax over all that are near it.
std::vector<Choice> mix_sparsely(uint32_t used, const Row& logits) {
  std::vector<Choice> chosen;
  std::vector<bool> is_left(logits.size(), true);
  while (chosen.size() < used) {
    size_t best = logits.size();
    for (size_t i = 0; i < logits.size(); ++i) {
      if (is_left[i] && (best == logits.size() || logits[i] > logits[best])) best = i;
    }
    double sum = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      const double distance = logits[best] - logits[i];
      const double unit = std::max(std::abs(logits[i]), logits[best]);
      const bool is_near = distance <= static_cast<double>(model::kMixerReach) * unit;
      if (is_left[i] && is_near) sum += std::exp(-distance);
    }
    chosen.push_back({.expert = best, .weight = 1 / sum});
    is_left[best] = false;
  }
  return chosen;
}

std::vector<Choice> choose(const model::Mixture& mixture, const Row& logits) {
  if (mixture.router == model::Router::kSparseMixer) return mix_sparsely(mixture.used, logits);
  const bool is_softmax = mixture.router == model::Router::kSoftmax;
  const double most = std::ranges::max(logits);
  double sum = 0;
  std::vector<Choice> all;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double x = logits[i];
    all.push_back({i, is_softmax ? std::exp(x - most) : 1 / (1 + std::exp(-x))});
    sum += is_softmax ? all.back().weight : 0;
  }
  std::ranges::stable_sort(all, std::ranges::greater(), &Choice::weight);
  all.resize(mixture.used);
  double chosen = 0;
  for (const Choice& choice : all) chosen += choice.weight;
  for (Choice& choice : all) choice.weight /= mixture.normalized ? chosen : is_softmax ? sum : 1;
  return all;
}

Row expert_output(const model::Expert& expert, model::Activation activation, const Row& x) {
  Row gate = linear(expert.gate, expert.gate_bias, {x})[0];
  const Row up = linear(expert.up, expert.up_bias, {x})[0];
  for (size_t i = 0; i < gate.size(); ++i) gate[i] = gated(activation, gate[i], up[i]);
  return linear(expert.down, expert.down_bias, {gate})[0];
}

Rows mixed(const LayerSpec& layer, const Rows& x) {
  const Rows logits = linear(*layer.ffn_router, layer.ffn_router_bias, x);
  Rows out;
  for (size_t p = 0; p < x.size(); ++p) {
    Row sum(x[p].size());
    for (const Choice& choice : choose(*layer.mlp.mixture, logits[p])) {
      const bool weighs_input = layer.mlp.mixture->weighs_inputs;
      Row in = x[p];
      for (double& value : in) value *= weighs_input ? choice.weight : 1;
      const Row one = expert_output(layer.experts[choice.expert], layer.mlp.activation, in);
      for (size_t i = 0; i < sum.size(); ++i)
        sum[i] += weighs_input ? one[i] : choice.weight * one[i];
    }
    out.push_back(std::move(sum));
  }
  return out;
}

Rows mlp(const LayerSpec& layer, const Rows& x) {
  Rows out = layer.mlp.mixture ? mixed(layer, x) : Rows(x.size(), Row(x[0].size()));
  if (layer.mlp.ff == 0) return out;
  Rows dense = dense_mlp(layer, x);
  if (layer.ffn_shared_router) {
    const Rows logits = linear(*layer.ffn_shared_router, std::nullopt, x);
    for (size_t p = 0; p < x.size(); ++p) {
      for (double& value : dense[p]) value /= 1 + std::exp(-logits[p][0]);
    }
  }
  add(out, 1, dense);
  return out;
}

Rows embed(const ModelSpec& spec, std::span<const Token> tokens) {
  Rows x;
  for (const Token token : tokens) {
    CHECK(token < spec.vocab);
    Row row = weight_row(spec.token_embd, token);
    const Row position = spec.position_embd ? weight_row(*spec.position_embd, x.size()) : Row();
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] =
          row[i] * static_cast<double>(spec.embedding_scale) + (position.empty() ? 0 : position[i]);
    }
    x.push_back(std::move(row));
  }
  return x;
}

void run_layer(const ModelSpec& spec, const LayerSpec& layer, KvStore kv, Rows& x) {
  const Rows attention_in = norm(spec, layer.attn_norm, layer.attn_norm_bias, x);
  const Rows mixed = layer.delta_net
                         ? reference_delta_net(*layer.delta_net, spec.norm_eps, attention_in)
                         : attention(spec, layer, attention_in, kv);
  const Rows attended = norm(spec, layer.attn_post_norm, std::nullopt, mixed);
  const bool shares_norm = layer.parallel && !layer.ffn_norm;
  const Rows before = x;
  add(x, spec.residual_scale, attended);
  const Rows mlp_in =
      shares_norm ? attention_in
                  : norm(spec, layer.ffn_norm, layer.ffn_norm_bias, layer.parallel ? before : x);
  add(x, spec.residual_scale, norm(spec, layer.ffn_post_norm, std::nullopt, mlp(layer, mlp_in)));
}

}  // namespace

Rows reference_logits(const ModelSpec& spec, std::span<const Token> tokens, KvStore kv) {
  Rows x = embed(spec, tokens);
  for (const LayerSpec& layer : spec.layers) run_layer(spec, layer, kv, x);
  Rows logits = linear(spec.output, spec.output_bias,
                       norm(spec, spec.output_norm, spec.output_norm_bias, std::move(x)));
  for (Row& row : logits) {
    for (double& logit : row) {
      logit = soft_capped(logit * static_cast<double>(spec.logit_scale), spec.logit_softcap);
    }
  }
  return logits;
}

}  // namespace weft::testing
