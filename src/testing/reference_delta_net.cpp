#include "testing/reference_delta_net.h"

#include <cmath>
#include <span>

namespace weft::testing {
namespace {

using model::DeltaNet;

double silu(double x) { return x * sigmoid(x); }

// Of each channel by itself, over the rows.
Rows convolved(const DeltaNet& net, const Rows& in) {
  Rows out(in.size(), Row(net.channels()));
  for (size_t channel = 0; channel < net.channels(); ++channel) {
    const Row kernel = weight_row(net.conv, channel);
    for (size_t t = 0; t < in.size(); ++t) {
      double sum = 0;
      for (size_t back = 0; back < net.taps && back <= t; ++back) {
        sum += kernel[net.taps - 1 - back] * in[t - back][channel];
      }
      out[t][channel] = silu(sum);
    }
  }
  return out;
}

// Divided by its length.
Row unit(std::span<const double> x) {
  double squares = 1e-6;
  for (const double value : x) squares += value * value;
  Row out(x.begin(), x.end());
  for (double& value : out) value /= std::sqrt(squares);
  return out;
}

// A head's matrix S, as k_dim rows of v_dim elements.
class State {
 public:
  explicit State(const DeltaNet& net) : s_(net.k_dim, Row(net.v_dim)) {}

  void decay(double factor) {
    for (Row& row : s_) {
      for (double& value : row) value *= factor;
    }
  }
  // x^T S
  [[nodiscard]] Row read(const Row& x) const {
    Row out(s_[0].size());
    for (size_t i = 0; i < s_.size(); ++i) {
      for (size_t j = 0; j < out.size(); ++j) out[j] += x[i] * s_[i][j];
    }
    return out;
  }
  // S += k v^T
  void write(const Row& k, const Row& v) {
    for (size_t i = 0; i < s_.size(); ++i) {
      for (size_t j = 0; j < v.size(); ++j) s_[i][j] += k[i] * v[j];
    }
  }

 private:
  Rows s_;
};

// q^T S of one head of v, in all rows.
Rows head(const DeltaNet& net, size_t v_head, const Rows& qkv, const Rows& beta,
          const Rows& alpha) {
  const size_t k_head = net.key_heads == model::KeyHeads::kTiled
                            ? v_head % net.k_heads
                            : v_head / (net.v_heads / net.k_heads);
  const size_t all_k = size_t{net.k_heads} * net.k_dim;
  const double decay = weight_row(net.decay, 0)[v_head];
  const double dt_bias = weight_row(net.dt_bias, 0)[v_head];
  State state(net);
  Rows out;
  for (size_t t = 0; t < qkv.size(); ++t) {
    const std::span<const double> row(qkv[t]);
    Row q = unit(row.subspan(k_head * net.k_dim, net.k_dim));
    for (double& value : q) value /= std::sqrt(static_cast<double>(net.k_dim));
    const Row k = unit(row.subspan(all_k + k_head * net.k_dim, net.k_dim));
    const auto v = row.subspan(2 * all_k + v_head * net.v_dim, net.v_dim);
    const double softplus = std::log1p(std::exp(alpha[t][v_head] + dt_bias));
    state.decay(std::exp(decay * softplus));
    Row delta = state.read(k);
    for (size_t j = 0; j < delta.size(); ++j) {
      delta[j] = sigmoid(beta[t][v_head]) * (v[j] - delta[j]);
    }
    state.write(k, delta);
    out.push_back(state.read(q));
  }
  return out;
}

}  // namespace

Rows reference_delta_net(const DeltaNet& net, float eps, const Rows& x) {
  const Rows qkv = convolved(net, linear(net.qkv, std::nullopt, x));
  const Rows gate = linear(net.gate, std::nullopt, x);
  const Rows beta = linear(net.beta, std::nullopt, x);
  const Rows alpha = linear(net.alpha, std::nullopt, x);
  const Row weight = weight_row(net.norm, 0);
  Rows mixed(x.size(), Row(size_t{net.v_heads} * net.v_dim));
  for (size_t v_head = 0; v_head < net.v_heads; ++v_head) {
    const Rows read = head(net, v_head, qkv, beta, alpha);
    for (size_t t = 0; t < x.size(); ++t) {
      double squares = 0;
      for (const double value : read[t]) squares += value * value;
      const double scale = 1 / std::sqrt(squares / net.v_dim + static_cast<double>(eps));
      for (size_t j = 0; j < net.v_dim; ++j) {
        const size_t i = v_head * net.v_dim + j;
        mixed[t][i] = read[t][j] * scale * weight[j] * silu(gate[t][i]);
      }
    }
  }
  return linear(net.output, std::nullopt, mixed);
}

}  // namespace weft::testing
