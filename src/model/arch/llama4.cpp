// Llama 4, text: Llama whose layers attend in chunks but for every fourth, which does without RoPE
// and sees everything, with a temperature. Some or all layers have mixtures, where the router's
// sigmoid multiplies what the one chosen expert reads, beside a shared expert. What GGUF files do
// not say is as in the published models.
#include <nlohmann/json.hpp>

#include "formats/quote.h"
#include "model/arch/arch.h"
#include "model/arch/decoder.h"
#include "model/arch/made_weights.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"Llama4ForCausalLM", "Llama4ForConditionalGeneration"};
constexpr std::string_view kKeys[] = {"attention.chunk_size",
                                      "attention.temperature",
                                      "attention.temperature_scale",
                                      "attention.temperature_length",
                                      "expert_shared_feed_forward_length",
                                      "interleave_moe_layer_step",  // routers say it
                                      "use_qk_norm"};
constexpr HfName kFields[] = {{"attention.chunk_size", "attention_chunk_size"},
                              {"attention.temperature", "attn_temperature_tuning"},
                              {"attention.temperature_scale", "attn_scale"},
                              {"attention.temperature_length", "floor_scale"},
                              {"feed_forward_length", "intermediate_size_mlp"},
                              {"expert_feed_forward_length", "intermediate_size"},
                              {"expert_shared_feed_forward_length", "intermediate_size"},
                              {"use_qk_norm", "use_qk_norm"},
                              {"interleave_moe_layer_step", "interleave_moe_layer_step"},
                              {"", "moe_layers"},           // routers say it
                              {"", "router_jitter_noise"},  // of training
                              {"", "no_rope_layers"},
                              {"", "no_rope_layer_interval"},
                              {"", "boi_token_index"},  // of images
                              {"", "eoi_token_index"},
                              {"", "image_token_index"},
                              {"", "for_llm_compressor"},
                              {"", "_attn_implementation_autoset"}};
constexpr HfName kTensors[] = {
    {"output", "lm_head"},
    {"output", "language_model.lm_head"},
    {"blk.{}.ffn_gate", "model.layers.{}.feed_forward.gate_proj"},
    {"blk.{}.ffn_up", "model.layers.{}.feed_forward.up_proj"},
    {"blk.{}.ffn_down", "model.layers.{}.feed_forward.down_proj"},
    {"blk.{}.ffn_gate_inp", "model.layers.{}.feed_forward.router"},
    {"blk.{}.ffn_gate_up_exps.weight", "model.layers.{}.feed_forward.experts.gate_up_proj"},
    {"blk.{}.ffn_down_exps.weight", "model.layers.{}.feed_forward.experts.down_proj"},
    {"blk.{}.ffn_gate_shexp", "model.layers.{}.feed_forward.shared_expert.gate_proj"},
    {"blk.{}.ffn_up_shexp", "model.layers.{}.feed_forward.shared_expert.up_proj"},
    {"blk.{}.ffn_down_shexp", "model.layers.{}.feed_forward.shared_expert.down_proj"}};
constexpr std::string_view kIgnored[] = {"vision_model.", "multi_modal_projector."};
constexpr std::string_view kTransposed[] = {"blk.{}.ffn_gate_up_exps", "blk.{}.ffn_down_exps"};

constexpr uint32_t kChunk = 8192;
constexpr Temperature kTemperature{.scale = 0.1F, .length = 8192};
constexpr uint32_t kExpertsWithoutQkNorm = 128;  // of Maverick, alone

struct Rules {
  uint32_t chunk = 0;  // 0: all layers see everything
  Temperature temperature = {};
  bool qk_norm = false;
};

Result<Rules> read_rules(const Source& source) {
  Rules rules;
  WEFT_ASSIGN(rules.chunk, source.count("attention.chunk_size", kAny, kChunk));
  WEFT_ASSIGN(const uint32_t experts, source.count_or_zero("expert_count"));
  WEFT_ASSIGN(rules.qk_norm, source.flag_or("use_qk_norm", experts != kExpertsWithoutQkNorm));
  WEFT_ASSIGN(const bool has_temperature, source.flag_or("attention.temperature", true));
  if (!has_temperature) return rules;
  WEFT_ASSIGN(rules.temperature.scale,
              source.positive("attention.temperature_scale", kTemperature.scale));
  WEFT_ASSIGN(rules.temperature.length,
              source.count("attention.temperature_length", kAny, kTemperature.length));
  return rules;
}

// Whether a layer attends in chunks, by layer_types or else where it rotates.
Result<bool> is_chunked(const Source& source, uint32_t layer, bool rotates) {
  const nlohmann::json* config = source.file().config();
  const bool is_said = config != nullptr && config->contains("layer_types");
  const nlohmann::json types = is_said ? config->at("layer_types") : nlohmann::json();
  if (types.is_null()) return rotates;
  if (!types.is_array() || layer >= types.size() || !types[layer].is_string()) {
    return fail("Field 'layer_types' of 'config.json' has no text for layer {}.", layer);
  }
  const std::string type = types[layer];
  if (type == "chunked_attention" || type == "full_attention") return type == "chunked_attention";
  return fail("Layer {} is of the type {}, and 'full_attention' and 'chunked_attention' are known.",
              layer, formats::quote(type));
}

// A GGUF file that says that there is no window has layers of one kind, with RoPE.
Result<bool> are_all_alike(const Source& source) {
  if (!source.is_gguf() || !source.has("attention.sliding_window")) return false;
  WEFT_ASSIGN(const uint32_t window, source.count_or_zero("attention.sliding_window"));
  return window == 0;
}

// The norm has no weights. It comes after RoPE, which leaves the length of a head as it is where
// all of it is turned: before RoPE it is the same.
Result<void> add_qk_norm(uint32_t layer, const Weight& ones, LayerSpec& out) {
  Attention& attention = out.attention;
  if (attention.rope.dims != attention.head_dim || attention.rope.magnitude != 1) {
    return fail(
        "Layer {} turns {} of {} elements of a head and scales them by {}: norms of q and "
        "k are supported where RoPE turns all and scales none.",
        layer, attention.rope.dims, attention.head_dim, attention.rope.magnitude);
  }
  attention.qk_norm = QkNorm::kHead;
  out.attn_q_norm = out.attn_k_norm = ones;
  return {};
}

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, {.gguf_pairs = RopePairs::kAdjacent,
                                                    .hf_pairs = RopePairs::kAdjacent,
                                                    .rope_base = 500'000,
                                                    .routing = Routing{.router = Router::kSigmoid,
                                                                       .normalized = false,
                                                                       .shared = true,
                                                                       .weighs_inputs = true}}));
  WEFT_ASSIGN(const Rules rules, read_rules(source));
  WEFT_ASSIGN(const bool alike, are_all_alike(source));
  const Weight ones = vector_of_ones(source, spec.layers.front().attention.head_dim);
  for (uint32_t i = 0; i < spec.layers.size(); ++i) {
    WEFT_ASSIGN(const bool does_rotate, rotates(source, i));
    const bool has_rope = alike || does_rotate;
    WEFT_ASSIGN(const bool chunked, is_chunked(source, i, has_rope && !alike));
    Attention& attention = spec.layers[i].attention;
    attention.chunked = chunked && rules.chunk < spec.context;
    attention.window = attention.chunked ? rules.chunk : 0;
    if (has_rope) {
      if (rules.qk_norm) WEFT_TRY(add_qk_norm(i, ones, spec.layers[i]));
    } else {
      attention.rope = {.pairs = attention.rope.pairs, .dims = 0};
      attention.temperature = rules.temperature;
    }
  }
  return spec;
}

}  // namespace

constinit const Architecture kLlama4{.gguf = "llama4",
                                     .hf = kNames,
                                     .read = read,
                                     .keys = kKeys,
                                     .layout = {.fields = kFields,
                                                .tensors = kTensors,
                                                .ignored_tensors = kIgnored,
                                                .transposed = kTransposed,
                                                .text_part = "language_model.model."},
                                     .fuses_experts = FusedRows::kHalves};

}  // namespace weft::model
