// Qwen 3.5: Qwen 3 with a gate on attention's result and RoPE over a quarter of each head; three
// layers of four have Gated DeltaNet in place of attention. Hugging Face files have w where the
// norm multiplies by 1 + w; GGUF's converter adds the 1, takes exp of A_log, and sorts the heads of
// v. Tensors for images and for guessing tokens ahead (mtp) are left out.
#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "formats/quote.h"
#include "model/arch/arch.h"
#include "model/arch/decoder.h"
#include "model/arch/made_vectors.h"

namespace weft::model {
namespace {

constexpr uint32_t kMaxHeads = 1 << 14;  // heads * dim of q, k and v together fits in 32 bits
constexpr uint32_t kMaxDim = 1 << 14;
constexpr uint32_t kMaxTaps = 64;

constexpr std::string_view kNames[] = {"Qwen3_5ForCausalLM", "Qwen3_5ForConditionalGeneration"};
constexpr std::string_view kKeys[] = {
    "ssm.conv_kernel",         "ssm.state_size",         "ssm.group_count",
    "ssm.time_step_rank",      "ssm.inner_size",         "ssm.value_dim",
    "full_attention_interval", "nextn_predict_layers",   "attention.recurrent_layers",
    "attention.output_gate",   "rope.dimension_sections"};  // rope.cpp says why they do not matter
constexpr HfName kFields[] = {{"ssm.conv_kernel", "linear_conv_kernel_dim"},
                              {"ssm.state_size", "linear_key_head_dim"},
                              {"ssm.value_dim", "linear_value_head_dim"},
                              {"ssm.group_count", "linear_num_key_heads"},
                              {"ssm.time_step_rank", "linear_num_value_heads"},
                              {"full_attention_interval", "full_attention_interval"},
                              {"attention.output_gate", "attn_output_gate"},
                              {"", "mamba_ssm_dtype"},
                              {"", "mlp_only_layers"},  // of mixtures of experts
                              {"", "mtp_num_hidden_layers"},
                              {"", "mtp_use_dedicated_embeddings"},
                              {"", "image_token_id"},
                              {"", "video_token_id"},
                              {"", "vision_start_token_id"},
                              {"", "vision_end_token_id"}};
constexpr HfName kTensors[] = {
    {"blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.attn_qkv", "model.layers.{}.linear_attn.in_proj_qkv"},
    {"blk.{}.attn_gate", "model.layers.{}.linear_attn.in_proj_z"},
    {"blk.{}.ssm_beta", "model.layers.{}.linear_attn.in_proj_b"},
    {"blk.{}.ssm_alpha", "model.layers.{}.linear_attn.in_proj_a"},
    {"blk.{}.ssm_conv1d", "model.layers.{}.linear_attn.conv1d"},
    {"blk.{}.ssm_a", "model.layers.{}.linear_attn.A_log"},
    {"blk.{}.ssm_dt.bias", "model.layers.{}.linear_attn.dt_bias"},
    {"blk.{}.ssm_norm", "model.layers.{}.linear_attn.norm"},
    {"blk.{}.ssm_out", "model.layers.{}.linear_attn.out_proj"}};
constexpr std::string_view kIgnored[] = {"mtp.", "model.visual."};

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
  net.key_heads = source.is_gguf() ? KeyHeads::kTiled : KeyHeads::kGrouped;
  return net;
}

Result<bool> read_delta_net(Source& source, uint32_t layer, const ModelSpec& spec, LayerSpec& out) {
  WEFT_ASSIGN(const bool has_attention, attends(source, layer));
  if (has_attention) return false;
  const auto name = [layer](std::string_view role) {
    return fmt::format("blk.{}.{}", layer, role);
  };
  WEFT_ASSIGN(DeltaNet net, read_sizes(source));
  const uint32_t v = net.v_heads * net.v_dim;
  WEFT_ASSIGN(net.qkv, source.matrix(name("attn_qkv.weight"), net.channels(), spec.embd));
  WEFT_ASSIGN(net.gate, source.matrix(name("attn_gate.weight"), v, spec.embd));
  WEFT_ASSIGN(net.beta, source.matrix(name("ssm_beta.weight"), net.v_heads, spec.embd));
  WEFT_ASSIGN(net.alpha, source.matrix(name("ssm_alpha.weight"), net.v_heads, spec.embd));
  WEFT_ASSIGN(net.conv, source.matrix(name("ssm_conv1d.weight"), net.channels(), net.taps));
  WEFT_ASSIGN(net.decay, source.vector(name("ssm_a"), net.v_heads));
  if (!source.is_gguf()) {  // A_log
    WEFT_TRY(remake(source, net.decay, [](float& x) { x = -std::exp(x); }));
  }
  WEFT_ASSIGN(net.dt_bias, source.vector(name("ssm_dt.bias"), net.v_heads));
  WEFT_ASSIGN(net.norm, source.vector(name("ssm_norm.weight"), net.v_dim));
  WEFT_ASSIGN(net.output, source.matrix(name("ssm_out.weight"), spec.embd, v));
  out.delta_net = std::move(net);
  return true;
}

Result<ModelSpec> read(Source& source) {
  WEFT_TRY(expect_flag(source, "attention.output_gate", true));
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, {.rope_part = 0.25F,
                                                    .ffn_norm = "post_attention_norm",
                                                    .attn_gate = true,
                                                    .read_mixer = read_delta_net,
                                                    .qk_norm = QkNorm::kHead}));
  const auto is_recurrent = [](const LayerSpec& layer) { return layer.delta_net.has_value(); };
  if (std::ranges::all_of(spec.layers, is_recurrent)) return fail("No layer has attention.");
  if (!source.is_gguf()) WEFT_TRY(add_one_to_norms(source, spec));
  return spec;
}

}  // namespace

constinit const Architecture kQwen35{.gguf = "qwen35",
                                     .hf = kNames,
                                     .read = read,
                                     .keys = kKeys,
                                     .layout = {.fields = kFields,
                                                .tensors = kTensors,
                                                .ignored_tensors = kIgnored,
                                                .text_part = "model.language_model."},
                                     .gguf_rows = {.norm_offset = 1}};

}  // namespace weft::model
