#include <algorithm>
#include <cmath>

#include "model/convert.h"

namespace weft::model {
namespace {

// Compares number by number, and remembers the first difference.
class Comparison {
 public:
  void count(std::string_view what, uint64_t wanted, uint64_t got) {
    if (wanted != got) note(what, fmt::format("{}", wanted), fmt::format("{}", got));
  }
  void real(std::string_view what, float wanted, float got) {
    if (std::abs(wanted - got) > 1e-5F * std::abs(wanted)) {
      note(what, fmt::format("{}", wanted), fmt::format("{}", got));
    }
  }
  [[nodiscard]] const std::string& difference() const { return difference_; }

 private:
  void note(std::string_view what, std::string_view wanted, std::string_view got) {
    if (difference_.empty()) {
      difference_ = fmt::format("{} is {}, and would be read as {}", what, wanted, got);
    }
  }
  std::string difference_;
};

template <class Enum>
uint64_t number(Enum value) {
  return static_cast<uint64_t>(value);
}

void compare(Comparison& c, const Rope& a, const Rope& b) {
  c.count("the number of rotated elements", a.dims, b.dims);
  c.real("RoPE's magnitude", a.magnitude, b.magnitude);
  c.count("RoPE's longest context", a.max_context, b.max_context);
  for (size_t i = 0; i < std::min(a.inv_freq.size(), b.inv_freq.size()); ++i) {
    c.real(fmt::format("RoPE's frequency {}", i), a.inv_freq[i], b.inv_freq[i]);
  }
}

void compare(Comparison& c, const Attention& a, const Attention& b) {
  c.count("the number of heads", a.n_heads, b.n_heads);
  c.count("the number of KV heads", a.n_kv_heads, b.n_kv_heads);
  c.count("the width of a head", a.head_dim, b.head_dim);
  compare(c, a.rope, b.rope);
  c.real("the scale of attention", a.scale, b.scale);
  c.count("the kind of norm of q and k", number(a.qk_norm), number(b.qk_norm));
  c.real("the soft cap of attention", a.softcap, b.softcap);
  c.count("the sliding window", a.window, b.window);
  c.count("that attention is in chunks", a.chunked, b.chunked);
  c.real("the scale of attention's temperature", a.temperature.scale, b.temperature.scale);
  c.count("the length of attention's temperature", a.temperature.length, b.temperature.length);
}

void compare(Comparison& c, const Mixture& a, const Mixture& b) {
  c.count("the number of experts", a.experts, b.experts);
  c.count("the number of experts a row uses", a.used, b.used);
  c.count("the width of an expert", a.ff, b.ff);
  c.count("the kind of router", number(a.router), number(b.router));
  c.count("that weights of experts add up to one", a.normalized, b.normalized);
  c.count("that what experts read is weighed", a.weighs_inputs, b.weighs_inputs);
}

void compare(Comparison& c, const DeltaNet& a, const DeltaNet& b) {
  c.count("the number of heads of k", a.k_heads, b.k_heads);
  c.count("the number of heads of v", a.v_heads, b.v_heads);
  c.count("the width of a head of k", a.k_dim, b.k_dim);
  c.count("the width of a head of v", a.v_dim, b.v_dim);
  c.count("the length of the convolution", a.taps, b.taps);
}

void compare(Comparison& c, const LayerSpec& a, const LayerSpec& b) {
  c.count("that there is no attention", a.delta_net.has_value(), b.delta_net.has_value());
  if (a.delta_net && b.delta_net) compare(c, *a.delta_net, *b.delta_net);
  compare(c, a.attention, b.attention);
  c.count("the activation", number(a.mlp.activation), number(b.mlp.activation));
  c.count("the width of the MLP", a.mlp.ff, b.mlp.ff);
  c.count("that the MLP has a gate", a.mlp.gated, b.mlp.gated);
  compare(c, a.mlp.mixture.value_or(Mixture{}), b.mlp.mixture.value_or(Mixture{}));
  c.count("that MLP and attention are parallel", a.parallel, b.parallel);
}

}  // namespace

Result<void> expect_same_network(const ModelSpec& wanted, const ModelSpec& got,
                                 std::string_view form) {
  const auto difference = [form](std::string_view where, const Comparison& c) {
    return fail("{} cannot say this of the model: {}{}.", form, where, c.difference());
  };
  Comparison c;
  c.count("the embedding's width", wanted.embd, got.embd);
  c.count("the vocabulary's size", wanted.vocab, got.vocab);
  c.count("the context", wanted.context, got.context);
  c.count("the kind of norm", number(wanted.norm), number(got.norm));
  c.real("the norms' epsilon", wanted.norm_eps, got.norm_eps);
  c.real("the scale of embeddings", wanted.embedding_scale, got.embedding_scale);
  c.real("the scale of residuals", wanted.residual_scale, got.residual_scale);
  c.real("the scale of logits", wanted.logit_scale, got.logit_scale);
  c.real("the soft cap of logits", wanted.logit_softcap, got.logit_softcap);
  c.count("the number of layers", wanted.layers.size(), got.layers.size());
  if (!c.difference().empty()) return difference("", c);
  for (size_t i = 0; i < wanted.layers.size(); ++i) {
    compare(c, wanted.layers[i], got.layers[i]);
    if (!c.difference().empty()) return difference(fmt::format("in layer {}, ", i), c);
  }
  return {};
}

}  // namespace weft::model
