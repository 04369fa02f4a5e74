#include "backend/cpu/delta_net.h"

#include <algorithm>
#include <cmath>

#include "backend/cpu/delta_ops.h"
#include "backend/cpu/row_ops.h"

namespace weft::backend {
namespace {

size_t input_floats(const model::DeltaNet& net) { return size_t{net.taps - 1} * net.channels(); }

size_t matrix_floats(const model::DeltaNet& net) { return size_t{net.k_dim} * net.v_dim; }

uint32_t k_head_of(const model::DeltaNet& net, uint32_t v_head) {
  return net.key_heads == model::KeyHeads::kTiled ? v_head % net.k_heads
                                                  : v_head / (net.v_heads / net.k_heads);
}

float softplus(float x) { return x > 20 ? x : std::log1p(std::exp(x)); }

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

Result<CpuDeltaNet> CpuDeltaNet::create(const model::ModelSpec& model,
                                        const model::DeltaNet& spec) {
  CpuDeltaNet net{.spec = &spec};
  const auto none = std::nullopt;
  WEFT_ASSIGN(net.qkv, Linear::create(spec.qkv, none));
  WEFT_ASSIGN(net.gate, Linear::create(spec.gate, none));
  WEFT_ASSIGN(net.beta, Linear::create(spec.beta, none));
  WEFT_ASSIGN(net.alpha, Linear::create(spec.alpha, none));
  WEFT_ASSIGN(const std::vector<float> by_channel, decode_vector(spec.conv));
  net.conv.resize(by_channel.size());
  for (size_t i = 0; i < by_channel.size(); ++i) {
    net.conv[i % spec.taps * spec.channels() + i / spec.taps] = by_channel[i];
  }
  WEFT_ASSIGN(net.decay, decode_vector(spec.decay));
  WEFT_ASSIGN(net.dt_bias, decode_vector(spec.dt_bias));
  WEFT_ASSIGN(net.norm, Norm::create(model, spec.norm, none));
  return net;
}

DeltaNets::DeltaNets(std::vector<const CpuDeltaNet*> nets, const Options& options)
    : nets_(std::move(nets)) {
  uint32_t channels = 0;
  uint32_t v = 0;
  uint32_t v_heads = 0;
  for (const CpuDeltaNet* one : nets_) {
    first_.push_back(state_floats_);
    if (one == nullptr) continue;
    const model::DeltaNet& net = *one->spec;
    state_floats_ += input_floats(net) + net.v_heads * matrix_floats(net);
    channels = std::max(channels, net.channels());
    v = std::max(v, net.v_heads * net.v_dim);
    v_heads = std::max(v_heads, net.v_heads);
  }
  states_ =
      AlignedArray<float>((size_t{options.max_sequences} + options.kept_states) * state_floats_);
  const uint32_t rows = options.max_rows;
  qkv_ = RowBuffer(rows, channels);
  convolved_ = RowBuffer(rows, channels);
  gate_ = RowBuffer(rows, v);
  read_ = RowBuffer(rows, v);
  beta_ = RowBuffer(rows, v_heads);
  alpha_ = RowBuffer(rows, v_heads);
}

uint64_t DeltaNets::activation_bytes() const {
  uint64_t bytes = 0;
  for (const RowBuffer* buffer : {&qkv_, &convolved_, &gate_, &read_, &beta_, &alpha_}) {
    bytes += buffer->size_bytes();
  }
  return bytes;
}

// A layer's part of a state: inputs, then matrices.
std::span<float> DeltaNets::part(uint32_t layer, uint32_t state) const {
  const model::DeltaNet& net = *nets_[layer]->spec;
  return states_.values().subspan(state * state_floats_ + first_[layer],
                                  input_floats(net) + net.v_heads * matrix_floats(net));
}

// [taps - 1, channels]: what the convolution read last, the oldest first.
std::span<float> DeltaNets::inputs(uint32_t layer, uint32_t state) const {
  return part(layer, state).first(input_floats(*nets_[layer]->spec));
}

std::span<float> DeltaNets::matrix(uint32_t layer, uint32_t state, uint32_t v_head) const {
  const model::DeltaNet& net = *nets_[layer]->spec;
  return part(layer, state)
      .subspan(input_floats(net) + v_head * matrix_floats(net), matrix_floats(net));
}

Rows DeltaNets::run(uint32_t layer, const Input& x, const StepRows& step, const Tools& tools) {
  const CpuDeltaNet& weights = *nets_[layer];
  const model::DeltaNet& net = *weights.spec;
  const auto rows = static_cast<uint32_t>(step.rows.size());
  const Rows gate = gate_.rows(net.v_heads * net.v_dim);
  const Product products[] = {{&weights.qkv, qkv_.rows(net.channels())},
                              {&weights.gate, gate},
                              {&weights.beta, beta_.rows(net.v_heads)},
                              {&weights.alpha, alpha_.rows(net.v_heads)}};
  tools.profile.measure(weights.in_cost, rows, [&] { tools.matmul.run(x, rows, products); });
  for (const SequenceRows& sequence : step.sequences) {
    const std::span<float> own = part(layer, sequence.state);
    if (!sequence.state_before) {
      std::ranges::fill(own, 0.0F);
    } else if (*sequence.state_before != sequence.state) {
      std::ranges::copy(part(layer, *sequence.state_before), own.begin());
    }
  }
  const Cost conv_cost{.name = "convolution", .row_bytes = 2 * sizeof(float) * net.channels()};
  tools.profile.measure(conv_cost, rows, [&] {
    for_rows(tools.pool, rows, [&](uint32_t row) {
      convolve_row(layer, step.sequences[step.rows[row].sequence], row);
    });
    for (const SequenceRows& sequence : step.sequences) keep_inputs(layer, sequence);
  });
  const size_t state_bytes = sizeof(float) * net.v_heads * matrix_floats(net);
  const Cost rule_cost{.name = "delta_rule",
                       .fixed_bytes = 2 * state_bytes * step.sequences.size(),
                       .row_flops = 2 * state_bytes};
  tools.profile.measure(rule_cost, rows, [&] {
    const auto heads = static_cast<uint32_t>(step.sequences.size()) * net.v_heads;
    tools.pool.run(heads, [&](uint32_t item, uint32_t) {
      update_head(layer, step.sequences[item / net.v_heads], item % net.v_heads);
    });
  });
  for (const SequenceRows& sequence : step.sequences) {
    if (!sequence.kept_state) continue;
    std::ranges::copy(part(layer, sequence.state), part(layer, *sequence.kept_state).begin());
  }
  return gate;
}

// silu of the convolution of one row, with q and k of their lengths.
void DeltaNets::convolve_row(uint32_t layer, const SequenceRows& sequence, uint32_t row) const {
  const CpuDeltaNet& weights = *nets_[layer];
  const model::DeltaNet& net = *weights.spec;
  const Rows in = qkv_.rows(net.channels());
  const std::span<float> before = inputs(layer, sequence.state);
  std::vector<const float*> read;
  for (uint32_t back = net.taps; back-- > 0;) {
    const uint32_t place = row - sequence.first_row;
    read.push_back(place >= back ? in.row(row - back)
                                 : &before[(net.taps - 1 + place - back) * net.channels()]);
  }
  const std::span<float> out = convolved_.rows(net.channels()).values(row);
  convolve(read, weights.conv, out);
  const size_t all_k = size_t{net.k_heads} * net.k_dim;
  const float q_scale = 1 / std::sqrt(static_cast<float>(net.k_dim));
  scale_to_length(out.first(all_k), net.k_dim, q_scale);
  scale_to_length(out.subspan(all_k, all_k), net.k_dim, 1);
}

// The sequence's last rows become what its next row's convolution reads.
void DeltaNets::keep_inputs(uint32_t layer, const SequenceRows& sequence) const {
  const model::DeltaNet& net = *nets_[layer]->spec;
  const std::span<float> kept = inputs(layer, sequence.state);
  const uint32_t n_new = std::min(sequence.rows, net.taps - 1);
  std::copy(kept.begin() + n_new * net.channels(), kept.end(), kept.begin());
  const Rows in = qkv_.rows(net.channels());
  for (uint32_t i = 0; i < n_new; ++i) {
    const auto row = in.values(sequence.first_row + sequence.rows - n_new + i);
    std::ranges::copy(row, kept.end() - (n_new - i) * net.channels());
  }
}

// All rows of a sequence through one head's matrix; what is read from it goes, normed, to the gate.
void DeltaNets::update_head(uint32_t layer, const SequenceRows& sequence, uint32_t v_head) const {
  const CpuDeltaNet& weights = *nets_[layer];
  const model::DeltaNet& net = *weights.spec;
  const size_t all_k = size_t{net.k_heads} * net.k_dim;
  const size_t first_k = size_t{k_head_of(net, v_head)} * net.k_dim;
  const size_t first_v = size_t{v_head} * net.v_dim;
  const Rows read = read_.rows(net.v_heads * net.v_dim);
  std::vector<DeltaRow> rows;
  for (uint32_t row = sequence.first_row; row < sequence.first_row + sequence.rows; ++row) {
    const std::span<const float> qkv = convolved_.rows(net.channels()).values(row);
    const float step =
        softplus(alpha_.rows(net.v_heads).row(row)[v_head] + weights.dt_bias[v_head]);
    rows.push_back({.q = qkv.subspan(first_k, net.k_dim),
                    .k = qkv.subspan(all_k + first_k, net.k_dim),
                    .v = qkv.subspan(2 * all_k + first_v, net.v_dim),
                    .decay = std::exp(weights.decay[v_head] * step),
                    .beta = sigmoid(beta_.rows(net.v_heads).row(row)[v_head]),
                    .out = read.values(row).subspan(first_v, net.v_dim)});
  }
  delta_rule(matrix(layer, sequence.state, v_head), rows);
  const Rows gate = gate_.rows(net.v_heads * net.v_dim);
  for (uint32_t row = sequence.first_row; row < sequence.first_row + sequence.rows; ++row) {
    const std::span part = read.values(row).subspan(first_v, net.v_dim);
    weights.norm.apply(part, part);
    swiglu(gate.values(row).subspan(first_v, net.v_dim), part);
  }
}

}  // namespace weft::backend
