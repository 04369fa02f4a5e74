#include "model/arch/delta_net.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "formats/quote.h"
#include "model/arch/made_weights.h"

namespace weft::model {
namespace {

constexpr uint32_t kMaxHeads = 1 << 14;  // heads * dim of q, k and v together fits in 32 bits
constexpr uint32_t kMaxDim = 1 << 14;
constexpr uint32_t kMaxTaps = 64;

std::string in_block(uint32_t layer, std::string_view role) {
  return fmt::format("blk.{}.{}", layer, role);
}

// Whether a layer has attention: by config.json's 'layer_types', a GGUF file's tensors where it
// lists its layers, or else every fourth or as the file says.
Result<bool> attends(const Source& source, uint32_t layer) {
  const nlohmann::json* config = source.file().config();
  if (config != nullptr && config->contains("layer_types")) {
    const nlohmann::json& types = config->at("layer_types");
    if (!types.is_array() || layer >= types.size() || !types[layer].is_string()) {
      return fail("Field 'layer_types' of 'config.json' has no text for layer {}.", layer);
    }
    const std::string type = types[layer];
    if (type == "full_attention" || type == "linear_attention") return type == "full_attention";
    return fail(
        "Layer {} is of the type {}, and 'full_attention' and 'linear_attention' are known.", layer,
        formats::quote(type));
  }
  if (source.has("attention.recurrent_layers")) {
    WEFT_ASSIGN(const bool is_recurrent, source.has_tensor(fmt::format("blk.{}.ssm_a", layer)));
    return !is_recurrent;
  }
  WEFT_ASSIGN(const uint32_t interval, source.count("full_attention_interval", kAny, 4));
  return (layer + 1) % interval == 0;
}

Result<uint32_t> read_v_dim(const Source& source, const DeltaNet& net) {
  if (!source.is_gguf()) return source.count("ssm.value_dim", kMaxDim);
  WEFT_ASSIGN(const uint32_t all, source.count("ssm.inner_size", kMaxHeads * kMaxDim));
  if (all % net.v_heads == 0 && all / net.v_heads <= kMaxDim) return all / net.v_heads;
  return fail("{} is {}, which {} heads of v do not share alike.",
              source.file().describe("ssm.inner_size"), all, net.v_heads);
}

Result<DeltaNet> read_sizes(const Source& source) {
  DeltaNet net{};
  WEFT_ASSIGN(net.k_heads, source.count("ssm.group_count", kMaxHeads));
  WEFT_ASSIGN(net.v_heads, source.count("ssm.time_step_rank", kMaxHeads));
  if (net.v_heads % net.k_heads != 0) {
    return fail("{} is {}, which the {} heads of k do not divide.",
                source.file().describe("ssm.time_step_rank"), net.v_heads, net.k_heads);
  }
  WEFT_ASSIGN(net.k_dim, source.count("ssm.state_size", kMaxDim));
  WEFT_ASSIGN(net.v_dim, read_v_dim(source, net));
  WEFT_ASSIGN(net.taps, source.count("ssm.conv_kernel", kMaxTaps));
  if (net.taps < 2) {
    return fail("{} is {}, and 2 to {} are supported.", source.file().describe("ssm.conv_kernel"),
                net.taps, kMaxTaps);
  }
  return net;
}

// Rows of qkv and of the gate: in tensors of their own, or for each head of k its q, its k, and the
// v and gates of the heads that share it (Qwen3-Next).
Result<void> read_qkv_and_gate(Source& source, uint32_t layer, uint32_t embd, DeltaNet& net) {
  const uint32_t v = net.v_heads * net.v_dim;
  const std::string name = in_block(layer, "ssm_in.weight");
  WEFT_ASSIGN(const auto mixed, source.matrix_if_present(name, net.channels() + v, embd));
  if (!mixed) {
    WEFT_ASSIGN(net.qkv, source.matrix(in_block(layer, "attn_qkv.weight"), net.channels(), embd));
    WEFT_ASSIGN(net.gate, source.matrix(in_block(layer, "attn_gate.weight"), v, embd));
    return {};
  }
  const uint32_t shared_v = v / net.k_heads;
  const uint32_t group = 2 * net.k_dim + 2 * shared_v;
  std::vector<Rows> qkv, gate;
  for (const auto& [first, count] :
       {std::pair{0U, net.k_dim}, {net.k_dim, net.k_dim}, {2 * net.k_dim, shared_v}}) {
    for (uint32_t head = 0; head < net.k_heads; ++head) {
      qkv.push_back({.first = head * group + first, .count = count});
    }
  }
  for (uint32_t head = 0; head < net.k_heads; ++head) {
    gate.push_back({.first = (head + 1) * group - shared_v, .count = shared_v});
  }
  net.qkv = made_of_rows(source, *mixed, qkv);
  net.gate = made_of_rows(source, *mixed, gate);
  return {};
}

// The same for beta and alpha, a row a head of v.
Result<void> read_beta_and_alpha(Source& source, uint32_t layer, uint32_t embd, DeltaNet& net) {
  const std::string name = in_block(layer, "ssm_ba.weight");
  WEFT_ASSIGN(const auto mixed, source.matrix_if_present(name, 2 * net.v_heads, embd));
  if (!mixed) {
    WEFT_ASSIGN(net.beta, source.matrix(in_block(layer, "ssm_beta.weight"), net.v_heads, embd));
    WEFT_ASSIGN(net.alpha, source.matrix(in_block(layer, "ssm_alpha.weight"), net.v_heads, embd));
    return {};
  }
  const uint32_t shared = net.v_heads / net.k_heads;
  std::vector<Rows> beta, alpha;
  for (uint32_t head = 0; head < net.k_heads; ++head) {
    beta.push_back({.first = 2 * head * shared, .count = shared});
    alpha.push_back({.first = (2 * head + 1) * shared, .count = shared});
  }
  net.beta = made_of_rows(source, *mixed, beta);
  net.alpha = made_of_rows(source, *mixed, alpha);
  return {};
}

}  // namespace

Result<bool> read_delta_net(Source& source, uint32_t layer, const ModelSpec& spec, LayerSpec& out,
                            KeyHeads of_gguf) {
  WEFT_ASSIGN(const bool has_attention, attends(source, layer));
  if (has_attention) return false;
  WEFT_ASSIGN(DeltaNet net, read_sizes(source));
  net.key_heads = source.is_gguf() ? of_gguf : KeyHeads::kGrouped;
  WEFT_TRY(read_qkv_and_gate(source, layer, spec.embd, net));
  WEFT_TRY(read_beta_and_alpha(source, layer, spec.embd, net));
  const auto name = [layer](std::string_view role) { return in_block(layer, role); };
  WEFT_ASSIGN(net.conv, source.matrix(name("ssm_conv1d.weight"), net.channels(), net.taps));
  WEFT_ASSIGN(net.decay, source.vector(name("ssm_a"), net.v_heads));
  if (!source.is_gguf()) {  // A_log
    WEFT_TRY(remake(source, net.decay, [](float& x) { x = -std::exp(x); }));
  }
  WEFT_ASSIGN(net.dt_bias, source.vector(name("ssm_dt.bias"), net.v_heads));
  WEFT_ASSIGN(net.norm, source.vector(name("ssm_norm.weight"), net.v_dim));
  WEFT_ASSIGN(net.output,
              source.matrix(name("ssm_out.weight"), spec.embd, net.v_heads * net.v_dim));
  out.delta_net = std::move(net);
  return true;
}

}  // namespace weft::model
