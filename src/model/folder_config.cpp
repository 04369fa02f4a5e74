#include "model/folder_config.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "formats/dequantize.h"
#include "formats/quote.h"
#include "model/folder_config_layers.h"
#include "model/gguf_model.h"

namespace weft::model {
namespace {

using formats::quote;
using nlohmann::ordered_json;

// What Transformers calls an architecture, and the field that says whether projections have biases,
// where there is one.
struct Form {
  std::string_view gguf;
  std::string_view model_class;
  std::string_view model_type;
  std::string_view bias_field = {};
};
constexpr Form kForms[] = {
    {"llama", "LlamaForCausalLM", "llama", "attention_bias"},
    {"qwen2", "Qwen2ForCausalLM", "qwen2"},
    {"qwen3", "Qwen3ForCausalLM", "qwen3", "attention_bias"},
    {"gemma", "GemmaForCausalLM", "gemma", "attention_bias"},
    {"phi3", "Phi3ForCausalLM", "phi3"},
    {"olmo2", "Olmo2ForCausalLM", "olmo2", "attention_bias"},
    {"stablelm", "StableLmForCausalLM", "stablelm", "use_qkv_bias"},
    {"starcoder2", "Starcoder2ForCausalLM", "starcoder2", "use_bias"},
    {"command-r", "CohereForCausalLM", "cohere", "attention_bias"},
    {"smollm3", "SmolLM3ForCausalLM", "smollm3", "attention_bias"},
    {"granite", "GraniteForCausalLM", "granite", "attention_bias"},
    {"granitemoe", "GraniteMoeForCausalLM", "granitemoe", "attention_bias"},
    {"qwen2moe", "Qwen2MoeForCausalLM", "qwen2_moe", "qkv_bias"},
    {"qwen3moe", "Qwen3MoeForCausalLM", "qwen3_moe", "attention_bias"},
    {"olmoe", "OlmoeForCausalLM", "olmoe", "attention_bias"},
    {"phimoe", "PhimoeForCausalLM", "phimoe", "attention_bias"},
    {"gpt-oss", "GptOssForCausalLM", "gpt_oss", "attention_bias"},
    {"qwen35", "Qwen3_5ForCausalLM", "qwen3_5_text", "attention_bias"},
    {"qwen35moe", "Qwen3_5MoeForCausalLM", "qwen3_5_moe_text", "attention_bias"},
    {"qwen3next", "Qwen3NextForCausalLM", "qwen3_next", "attention_bias"},
    {"llama4", "Llama4ForCausalLM", "llama4_text", "attention_bias"},
};

constexpr std::string_view kSections = "rope.dimension_sections";

Result<const Form*> form_of(std::string_view architecture) {
  const auto* found = std::ranges::find(kForms, architecture, &Form::gguf);
  if (found != std::end(kForms)) return found;
  std::vector<std::string_view> names;
  for (const Form& form : kForms) names.push_back(form.gguf);
  return fail("Architecture {} cannot be written as a folder; these can: {}.", quote(architecture),
              fmt::join(names, ", "));
}

std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
    case Activation::kClampedSwiglu:  // gpt-oss calls it so too
      return "silu";
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      break;
  }
  return "gelu_pytorch_tanh";
}

class Writer {
 public:
  Writer(const formats::GgufFile& file, const Architecture& architecture, const ModelSpec& spec)
      : file_(file), model_(file, architecture.gguf), architecture_(architecture), spec_(spec) {}

  Result<ordered_json> write() {
    WEFT_ASSIGN(const Form* form, form_of(architecture_.gguf));
    const Attention& attention = first().attention;
    config_["architectures"] = {form->model_class};
    config_["model_type"] = form->model_type;
    if (&architecture_ == &kMixtral) {
      config_["architectures"] = {"MixtralForCausalLM"};
      config_["model_type"] = "mixtral";
    } else if (form->gguf == "llama" && attention.window != 0) {
      // Mistral's is Llama's network with a window.
      config_["architectures"] = {"MistralForCausalLM"};
      config_["model_type"] = "mistral";
    }
    if (!form->bias_field.empty()) {
      config_[std::string(form->bias_field)] = first().attn_q_bias.has_value();
    }
    WEFT_TRY(set_dimensions());
    WEFT_TRY(set_named_fields());
    WEFT_TRY(set_rope());
    set_layer_fields(architecture_, spec_, config_);
    for (const char* name : {"bos", "eos"}) {
      const auto id = file_.get_u32(fmt::format("tokenizer.ggml.{}_token_id", name));
      if (id) config_[fmt::format("{}_token_id", name)] = *id;
    }
    config_["pad_token_id"] = nullptr;  // else Transformers has one of its own
    return std::move(config_);
  }

 private:
  // There is one with attention in every network.
  [[nodiscard]] const LayerSpec& first() const {
    return *std::ranges::find_if(spec_.layers, [](const auto& layer) { return !layer.delta_net; });
  }

  // `ours` is GGUF's name, or that of HfLayout.
  template <class Value>
  void set(std::string_view ours, Value value) {
    config_[std::string(hf_field(architecture_.layout, ours))] = value;
  }

  Result<void> set_dimensions() {
    const Attention& attention = first().attention;
    set("vocab_size", spec_.vocab);
    set("embedding_length", spec_.embd);
    // Of MLPs; a layer with a mixture says nothing of it.
    const auto dense = std::ranges::find_if(
        spec_.layers, [](const auto& layer) { return !layer.mlp.mixture.has_value(); });
    if (dense != spec_.layers.end()) {
      set("feed_forward_length", dense->mlp.ff);
    } else if (model_.has("feed_forward_length")) {
      WEFT_ASSIGN(const uint32_t ff, model_.u32("feed_forward_length"));
      set("feed_forward_length", ff);
    }
    set("block_count", spec_.layers.size());
    set("attention.head_count", attention.n_heads);
    set("attention.head_count_kv", attention.n_kv_heads);
    set("attention.key_length", attention.head_dim);
    set("context_length", spec_.context);
    // Phi 3.5 MoE keeps the name that Phi 3 has for it, whose norms are of another kind.
    const bool is_rms = spec_.norm == NormKind::kRms || architecture_.gguf == "phimoe";
    set(is_rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
        spec_.norm_eps);
    set("activation", name_of(first().mlp.activation));
    set("tied", spec_.tied_output);
    uint32_t window = 0;
    for (const LayerSpec& layer : spec_.layers) {
      if (!layer.attention.chunked) window = std::max(window, layer.attention.window);
    }
    if (window != 0) set("attention.sliding_window", window);
    if (spec_.output_bias) config_["lm_head_bias"] = true;
    return {};
  }

  // Numbers and flags that the family's folders have under a name of their own.
  Result<void> set_named_fields() {
    for (const HfName& field : architecture_.layout.fields) {
      const std::string key = fmt::format("{}.{}", architecture_.gguf, field.ours);
      const formats::GgufValue* value = field.ours.empty() ? nullptr : file_.find(key);
      if (value == nullptr) continue;
      if (value->type == formats::GgufType::kBool) {
        WEFT_ASSIGN(const bool flag, file_.get_bool(key));
        config_[std::string(field.theirs)] = flag;
      } else if (value->type == formats::GgufType::kF32) {
        WEFT_ASSIGN(const float number, file_.get_f32(key));
        config_[std::string(field.theirs)] = number;
      }
    }
    return {};
  }

  Result<void> set_rope() {
    const Rope& rope = first().attention.rope;
    if (model_.has("rope.freq_base")) {
      WEFT_ASSIGN(base_, model_.f32("rope.freq_base"));
    }
    if (model_.has(kSections)) return set_sectioned_rope(rope);
    config_["rope_theta"] = base_;
    if (rope.dims != first().attention.head_dim) {
      config_["partial_rotary_factor"] =
          static_cast<double>(rope.dims) / static_cast<double>(first().attention.head_dim);
    }
    WEFT_ASSIGN(ordered_json scaling, scaling_of(rope));
    if (!scaling.is_null()) config_["rope_scaling"] = std::move(scaling);
    return {};
  }

  // Of a text all positions are the same, but readers want to know the sections.
  Result<void> set_sectioned_rope(const Rope& rope) {
    WEFT_ASSIGN(std::vector<int32_t> sections,
                file_.get_i32s(fmt::format("{}.{}", architecture_.gguf, kSections)));
    while (!sections.empty() && sections.back() == 0) sections.pop_back();
    config_["rope_parameters"] = {
        {"rope_type", "default"},
        {"rope_theta", base_},
        {"partial_rotary_factor",
         static_cast<double>(rope.dims) / static_cast<double>(first().attention.head_dim)},
        {"mrope_section", sections},
        {"mrope_interleaved", true}};
    return {};
  }

  Result<ordered_json> scaling_of(const Rope& rope) {
    WEFT_ASSIGN(const std::vector<float> long_factors, floats("rope_factors_long.weight"));
    if (!long_factors.empty()) {
      WEFT_ASSIGN(const std::vector<float> short_factors, floats("rope_factors_short.weight"));
      WEFT_ASSIGN(const uint32_t original, model_.u32("rope.scaling.original_context_length"));
      config_["original_max_position_embeddings"] = original;
      WEFT_ASSIGN(const uint32_t context, model_.u32("context_length"));
      set("context_length", context);
      return ordered_json{{"rope_type", "longrope"},
                          {"short_factor", short_factors},
                          {"long_factor", long_factors},
                          {"attention_factor", rope.magnitude}};
    }
    WEFT_ASSIGN(const std::vector<float> factors, floats("rope_freqs.weight"));
    if (!factors.empty()) return llama3(rope, factors);
    if (!model_.has("rope.scaling.type")) return ordered_json();
    WEFT_ASSIGN(const std::string type, model_.text("rope.scaling.type"));
    if (type == "none") return ordered_json();
    WEFT_ASSIGN(const float factor, model_.f32("rope.scaling.factor"));
    ordered_json out = {{"rope_type", type}, {"factor", factor}};
    if (type != "yarn") return out;
    WEFT_ASSIGN(const uint32_t original, model_.u32("rope.scaling.original_context_length"));
    out["original_max_position_embeddings"] = original;
    out["attention_factor"] = rope.magnitude;
    if (architecture_.gguf == "gpt-oss") out["truncate"] = false;  // arch/gpt_oss.cpp
    for (const char* beta : {"beta_fast", "beta_slow"}) {
      const std::string key = fmt::format("rope.scaling.yarn_{}", beta);
      if (!model_.has(key)) continue;
      WEFT_ASSIGN(out[beta], model_.f32(key));
    }
    return out;
  }

  // Llama 3's scaling from its table of factors: 1 for short waves, the whole factor for long ones,
  // and between them 1 / ((1 - s) / factor + s), s = (original / wavelength - low) / (high - low).
  // Low is 1 and high 4 in all models; any one factor between gives `original`.
  Result<ordered_json> llama3(const Rope& rope, std::span<const float> factors) const {
    constexpr double kLow = 1;
    constexpr double kHigh = 4;
    const double most = *std::ranges::max_element(factors);
    for (size_t i = 0; i < factors.size(); ++i) {
      const double factor = factors[i];
      if (factor <= 1 || factor >= most) continue;
      const double s = (1 / factor - 1 / most) / (1 - 1 / most);
      const double wavelength =
          2 * std::numbers::pi * std::pow(base_, 2.0 * static_cast<double>(i) / rope.dims);
      return ordered_json{{"rope_type", "llama3"},
                          {"factor", most},
                          {"low_freq_factor", kLow},
                          {"high_freq_factor", kHigh},
                          {"original_max_position_embeddings",
                           std::lround((s * (kHigh - kLow) + kLow) * wavelength)}};
    }
    return fail("Tensor 'rope_freqs.weight' is no table of Llama 3's RoPE scaling.");
  }

  // Empty where there is no such tensor.
  Result<std::vector<float>> floats(std::string_view name) const {
    const formats::TensorView* tensor = file_.find_tensor(name);
    std::vector<float> values(tensor == nullptr ? 0 : tensor->elements());
    if (tensor != nullptr) WEFT_TRY(formats::dequantize(tensor->type, tensor->data, values));
    return values;
  }

  const formats::GgufFile& file_;
  GgufModel model_;
  const Architecture& architecture_;
  const ModelSpec& spec_;
  double base_ = 10000;
  ordered_json config_;
};

}  // namespace

Result<ordered_json> config_of(const formats::GgufFile& file, const Architecture& architecture,
                               const ModelSpec& spec) {
  return Writer(file, architecture, spec).write();
}

}  // namespace weft::model
