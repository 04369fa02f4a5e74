#include "testing/reference_model.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "formats/dequantize.h"

namespace weft::testing {
namespace {

using model::Weight;
using Row = std::vector<double>;
using Rows = std::vector<Row>;  // one a position

Row weight_row(const Weight& w, size_t row) {
  std::vector<float> values(w.cols);
  const size_t row_bytes = w.tensor.data.size() / w.rows;
  CHECK(
      formats::dequantize(w.tensor.type, w.tensor.data.subspan(row * row_bytes, row_bytes), values)
          .has_value());
  return Row(values.begin(), values.end());
}

// y = W x + bias at each position.
Rows linear(const Weight& w, const std::optional<Weight>& bias, const Rows& x) {
  Rows y(x.size(), Row(w.rows));
  const Row b = bias ? weight_row(*bias, 0) : Row(w.rows);
  for (size_t r = 0; r < w.rows; ++r) {
    const Row row = weight_row(w, r);
    for (size_t p = 0; p < x.size(); ++p) {
      double sum = b[r];
      for (size_t c = 0; c < w.cols; ++c) sum += row[c] * x[p][c];
      y[p][r] = sum;
    }
  }
  return y;
}

void add(Rows& x, const Rows& y) {
  for (size_t p = 0; p < x.size(); ++p) {
    for (size_t i = 0; i < x[p].size(); ++i) x[p][i] += y[p][i];
  }
}

Rows rms_norm(const Weight& weight, double eps, Rows x) {
  const Row w = weight_row(weight, 0);
  for (Row& row : x) {
    double squares = 0;
    for (const double v : row) squares += v * v;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(row.size()) + eps);
    for (size_t i = 0; i < row.size(); ++i) row[i] *= scale * w[i];
  }
  return x;
}

// Turns the pairs of each head by pos * inv_freq.
void rotate(const model::Rope& rope, size_t head_dim, size_t pos, Row& x) {
  const bool adjacent = rope.pairs == model::RopePairs::kAdjacent;
  const size_t pairs = rope.dims / 2;
  for (size_t head = 0; head < x.size(); head += head_dim) {
    for (size_t i = 0; i < pairs; ++i) {
      double& a = x[head + (adjacent ? 2 * i : i)];
      double& b = x[head + (adjacent ? 2 * i + 1 : i + pairs)];
      const double angle = static_cast<double>(pos) * static_cast<double>(rope.inv_freq[i]);
      const double turned = a * std::cos(angle) - b * std::sin(angle);
      b = a * std::sin(angle) + b * std::cos(angle);
      a = turned;
    }
  }
}

// One head at one position: softmax over all positions up to it.
void attend(const model::Attention& spec, size_t head, size_t pos, const Rows& q, const Rows& k,
            const Rows& v, Row& out) {
  const size_t q_first = head * spec.head_dim;
  const size_t kv_first = head / (spec.n_heads / spec.n_kv_heads) * spec.head_dim;
  Row weights(pos + 1);
  for (size_t p = 0; p <= pos; ++p) {
    double dot = 0;
    for (size_t i = 0; i < spec.head_dim; ++i) dot += q[pos][q_first + i] * k[p][kv_first + i];
    weights[p] = dot * static_cast<double>(spec.scale);
  }
  const double most = std::ranges::max(weights);
  double sum = 0;
  for (double& w : weights) sum += w = std::exp(w - most);
  for (size_t p = 0; p <= pos; ++p) {
    for (size_t i = 0; i < spec.head_dim; ++i) {
      out[q_first + i] += weights[p] / sum * v[p][kv_first + i];
    }
  }
}

Rows attention(const model::LayerSpec& layer, const Rows& x) {
  const model::Attention& spec = layer.attention;
  Rows q = linear(layer.attn_q, layer.attn_q_bias, x);
  Rows k = linear(layer.attn_k, layer.attn_k_bias, x);
  const Rows v = linear(layer.attn_v, layer.attn_v_bias, x);
  for (size_t pos = 0; pos < x.size(); ++pos) {
    rotate(spec.rope, spec.head_dim, pos, q[pos]);
    rotate(spec.rope, spec.head_dim, pos, k[pos]);
  }
  Rows mixed(x.size(), Row(size_t{spec.n_heads} * spec.head_dim));
  for (size_t pos = 0; pos < x.size(); ++pos) {
    for (size_t head = 0; head < spec.n_heads; ++head) {
      attend(spec, head, pos, q, k, v, mixed[pos]);
    }
  }
  return linear(layer.attn_output, layer.attn_output_bias, mixed);
}

Rows mlp(const model::LayerSpec& layer, const Rows& x) {
  CHECK(layer.mlp.activation == model::Activation::kSilu);
  Rows gate = linear(layer.ffn_gate, layer.ffn_gate_bias, x);
  const Rows up = linear(layer.ffn_up, layer.ffn_up_bias, x);
  for (size_t p = 0; p < x.size(); ++p) {
    for (size_t i = 0; i < gate[p].size(); ++i) {
      gate[p][i] = gate[p][i] / (1 + std::exp(-gate[p][i])) * up[p][i];
    }
  }
  return linear(layer.ffn_down, layer.ffn_down_bias, gate);
}

}  // namespace

Rows reference_logits(const model::ModelSpec& spec, std::span<const Token> tokens) {
  CHECK(spec.norm == model::NormKind::kRms);
  const auto eps = static_cast<double>(spec.norm_eps);
  Rows x;
  for (const Token token : tokens) {
    CHECK(token < spec.vocab);
    x.push_back(weight_row(spec.token_embd, token));
  }
  for (const model::LayerSpec& layer : spec.layers) {
    add(x, attention(layer, rms_norm(layer.attn_norm, eps, x)));
    add(x, mlp(layer, rms_norm(layer.ffn_norm, eps, x)));
  }
  return linear(spec.output, std::nullopt, rms_norm(spec.output_norm, eps, x));
}

}  // namespace weft::testing
