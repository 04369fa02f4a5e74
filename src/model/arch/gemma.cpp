// Gemma 1, 2 and 3: embeddings scaled by sqrt(embd), and a gated GELU. Hugging Face files have w
// where the norm multiplies by 1 + w; GGUF's converter adds the 1. Gemma 2 adds norms behind
// attention and MLP, soft caps, and a sliding window in every other layer; the first GGUF files of
// it do not name caps and window. Gemma 3 has norms of q and k instead of soft caps; five layers of
// six slide, with a RoPE of their own. Ollama's files have other names for its two RoPE bases.
#include <cmath>

#include "model/arch/arch.h"
#include "model/arch/decoder.h"
#include "model/arch/made_weights.h"
#include "model/rope.h"

namespace weft::model {
namespace {

constexpr std::string_view kOllamaGlobalBase = "rope.global.freq_base";
constexpr std::string_view kOllamaLocalBase = "rope.local.freq_base";

Result<ModelSpec> read_gemma(Source& source, Recipe recipe) {
  recipe.activation = Activation::kGeluTanh;
  WEFT_TRY(expect_flag(source, "bidirectional", false));
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, recipe));
  spec.embedding_scale = std::sqrt(static_cast<float>(spec.embd));
  if (!source.is_gguf()) WEFT_TRY(add_one_to_norms(source, spec));
  return spec;
}

// What q . k is divided by the root of: the field query_pre_attn_scalar. GGUF files do not have it;
// it is the width of a head but in the model of `odd_layers`, where it is embd / heads.
Result<void> set_scale(const Source& source, ModelSpec& spec, size_t odd_layers) {
  const Attention& first = spec.layers.front().attention;
  const bool is_odd = source.is_gguf() && spec.layers.size() == odd_layers;
  const auto usual = static_cast<float>(is_odd ? spec.embd / first.n_heads : first.head_dim);
  WEFT_ASSIGN(const float scalar, source.positive("attention.pre_scalar", usual));
  if (source.has("attention.scale")) return {};
  for (LayerSpec& layer : spec.layers) layer.attention.scale = 1 / std::sqrt(scalar);
  return {};
}

// `usual`: of GGUF files that do not say it. In folders, nothing is none.
Result<float> softcap(const Source& source, std::string_view key, float usual) {
  if (source.is_gguf() && !source.has(key)) return usual;
  return source.positive_or_zero(key);
}

struct SoftCaps {
  float attention = 0, logits = 0;
};

Result<void> set_softcaps(const Source& source, ModelSpec& spec, SoftCaps usual) {
  WEFT_ASSIGN(const float attention, softcap(source, "attn_logit_softcapping", usual.attention));
  for (LayerSpec& layer : spec.layers) layer.attention.softcap = attention;
  WEFT_ASSIGN(spec.logit_softcap, softcap(source, "final_logit_softcapping", usual.logits));
  return {};
}

Result<ModelSpec> read_gemma1(Source& source) { return read_gemma(source, {}); }

Result<ModelSpec> read_gemma2(Source& source) {
  constexpr size_t kLayersOf27B = 46;
  WEFT_ASSIGN(ModelSpec spec, read_gemma(source, {.post_norms = true}));
  constexpr uint32_t kUsualWindow = 4096;
  WEFT_TRY(set_scale(source, spec, kLayersOf27B));
  WEFT_TRY(set_softcaps(source, spec, {.attention = 50, .logits = 30}));
  if (source.is_gguf() && !source.has("attention.sliding_window") && spec.context > kUsualWindow) {
    for (LayerSpec& layer : spec.layers) layer.attention.window = kUsualWindow;
  }
  WEFT_TRY(keep_windows(source, spec, [](uint32_t layer) { return layer % 2 == 0; }));
  return spec;
}

Result<ModelSpec> read_gemma3(Source& source) {
  constexpr size_t kLayersOf27B = 62;
  WEFT_ASSIGN(const float base, source.positive(kOllamaGlobalBase, 1'000'000));
  WEFT_ASSIGN(
      ModelSpec spec,
      read_gemma(source, {.rope_base = base, .post_norms = true, .qk_norm = QkNorm::kHead}));
  WEFT_TRY(set_scale(source, spec, kLayersOf27B));
  WEFT_TRY(set_softcaps(source, spec, {}));
  const auto slides = [](uint32_t layer) { return layer % 6 != 5; };
  const Attention& first = spec.layers.front().attention;
  WEFT_ASSIGN(const Rope local, unscaled_rope(source, {.pairs = first.rope.pairs,
                                                       .head_dim = first.head_dim,
                                                       .base_key = source.has(kOllamaLocalBase)
                                                                       ? kOllamaLocalBase
                                                                       : "rope.freq_base_swa",
                                                       .layer_type = "sliding_attention"}));
  for (uint32_t i = 0; i < spec.layers.size(); ++i) {
    WEFT_ASSIGN(const bool does, is_sliding(source, i, slides(i)));
    if (does) spec.layers[i].attention.rope = local;
  }
  WEFT_TRY(keep_windows(source, spec, slides));
  return spec;
}

constexpr std::string_view kNames1[] = {"GemmaForCausalLM"};
constexpr std::string_view kNames2[] = {"Gemma2ForCausalLM"};
constexpr std::string_view kNames3[] = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"};
constexpr std::string_view kKeys[] = {
    "bidirectional",           "attention.pre_scalar", "attn_logit_softcapping",
    "final_logit_softcapping", "rope.freq_base_swa",   "attention.sliding_window_pattern",
    kOllamaGlobalBase,         kOllamaLocalBase,       "mm.tokens_per_image"};
constexpr HfName kFields[] = {{"bidirectional", "use_bidirectional_attention"},
                              {"attention.pre_scalar", "query_pre_attn_scalar"},
                              {"attn_logit_softcapping", "attn_logit_softcapping"},
                              {"final_logit_softcapping", "final_logit_softcapping"},
                              {"rope.freq_base_swa", "rope_local_base_freq"},
                              {"attention.sliding_window_pattern", "sliding_window_pattern"},
                              {"attention.sliding_window_pattern", "_sliding_window_pattern"},
                              {"", "sliding_window_size"},  // of Gemma 2, beside sliding_window
                              {"", "mm_tokens_per_image"},
                              {"", "boi_token_index"},  // of images
                              {"", "eoi_token_index"},
                              {"", "image_token_index"}};
constexpr HfName kTensors[] = {
    {"blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.ffn_norm", "model.layers.{}.pre_feedforward_layernorm"},
    {"blk.{}.post_ffw_norm", "model.layers.{}.post_feedforward_layernorm"},
    {"output", "lm_head"},
    {"output", "language_model.lm_head"}};
constexpr std::string_view kIgnored[] = {"vision_tower.", "multi_modal_projector."};
// Of the published Gemma 3 of 4B and more, whose config.json says little.
constexpr std::string_view kTextDefaults = R"({
  "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "rms_norm_eps": 1e-6,
  "query_pre_attn_scalar": 256, "max_position_embeddings": 131072,
  "hidden_activation": "gelu_pytorch_tanh"})";

}  // namespace

constinit const Architecture kGemma{.gguf = "gemma",
                                    .hf = kNames1,
                                    .read = read_gemma1,
                                    .keys = kKeys,
                                    .layout = {.fields = kFields},
                                    .gguf_rows = {.norm_offset = 1}};
constinit const Architecture kGemma2{.gguf = "gemma2",
                                     .hf = kNames2,
                                     .read = read_gemma2,
                                     .keys = kKeys,
                                     .layout = {.fields = kFields, .tensors = kTensors},
                                     .gguf_rows = {.norm_offset = 1}};
constinit const Architecture kGemma3{.gguf = "gemma3",
                                     .hf = kNames3,
                                     .read = read_gemma3,
                                     .keys = kKeys,
                                     .layout = {.fields = kFields,
                                                .tensors = kTensors,
                                                .ignored_tensors = kIgnored,
                                                .text_part = "language_model.model.",
                                                .text_defaults = kTextDefaults},
                                     .gguf_rows = {.norm_offset = 1}};

}  // namespace weft::model
