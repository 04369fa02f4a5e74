#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <nlohmann/json.hpp>

#include "formats/dequantize.h"
#include "formats/quote.h"

namespace weft::model {
namespace {

using formats::quote;
using nlohmann::json;

// What a scaling is made of, from either kind of file.
struct Scaling {
  std::string type = "none";
  double factor = 1;
  double original_context = 0;
  double low_freq_factor = 0, high_freq_factor = 0;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn
  bool truncates = true;                             // yarn: whole numbers bound the ramp
  std::optional<double> magnitude;
  uint32_t max_context = 0;    // longrope
  std::vector<float> factors;  // of each pair: longrope's, or what a GGUF file has in rope_freqs
};

Result<std::vector<float>> read_factors(Source& source, const std::string& name, uint32_t pairs) {
  WEFT_ASSIGN(const auto stored, source.vector_if_present(name, pairs));
  std::vector<float> factors(stored ? pairs : 0);
  if (stored) WEFT_TRY(dequantize(stored->tensor.type, stored->tensor.data, factors));
  for (size_t i = 0; i < factors.size(); ++i) {
    if (std::isfinite(factors[i]) && factors[i] > 0) continue;
    return fail("Element {} of tensor {} is {}, and a finite number above 0 was wanted.", i,
                quote(name), factors[i]);
  }
  return factors;
}

// A factor counts unless the type says "none"; 0 is no factor.
Result<Scaling> scaling_of_gguf(Source& source, uint32_t pairs, Scaling scaling) {
  if (source.has("rope.scaling.type")) {
    WEFT_ASSIGN(scaling.type, source.file().text("rope.scaling.type"));
  } else {
    scaling.type = "linear";
  }
  for (const std::string_view key : {"rope.scale_linear", "rope.scaling.factor"}) {
    if (scaling.type == "none") break;
    WEFT_ASSIGN(const float factor, source.positive_or_zero(key));
    if (factor != 0) scaling.factor = factor;
  }
  WEFT_ASSIGN(const float magnitude, source.positive_or_zero("rope.scaling.attn_factor"));
  if (magnitude != 0) scaling.magnitude = magnitude;
  if (scaling.type == "yarn") {
    WEFT_ASSIGN(const uint32_t context, source.count("rope.scaling.original_context_length", kAny));
    scaling.original_context = context;
    WEFT_ASSIGN(const float fast, source.positive("rope.scaling.yarn_beta_fast", 32.0F));
    WEFT_ASSIGN(const float slow, source.positive("rope.scaling.yarn_beta_slow", 1.0F));
    scaling.beta_fast = fast;
    scaling.beta_slow = slow;
  }
  WEFT_ASSIGN(scaling.factors, read_factors(source, "rope_freqs.weight", pairs));
  WEFT_ASSIGN(auto long_factors, read_factors(source, "rope_factors_long.weight", pairs));
  const bool may_be_long =
      scaling.type == "none" || scaling.type == "linear" || scaling.type == "longrope";
  if (!long_factors.empty() && may_be_long) {
    scaling.type = "longrope";
    WEFT_ASSIGN(scaling.factors, read_factors(source, "rope_factors_short.weight", pairs));
    WEFT_ASSIGN(scaling.max_context, source.count("rope.scaling.original_context_length", kAny));
  }
  return scaling;
}

// Sections say which of three positions (time, height, width of an image) turns a pair. The three
// are the same for text, so that neither their sizes nor their order matter.
Result<void> expect_known(const json& parameters) {
  constexpr std::string_view kKnown[] = {"rope_type",
                                         "type",
                                         "rope_theta",
                                         "factor",
                                         "partial_rotary_factor",
                                         "low_freq_factor",
                                         "high_freq_factor",
                                         "original_max_position_embeddings",
                                         "beta_fast",
                                         "beta_slow",
                                         "truncate",
                                         "attention_factor",
                                         "short_factor",
                                         "long_factor",
                                         "mscale",
                                         "mscale_all_dim",
                                         "mrope_section",
                                         "mrope_interleaved"};
  for (const auto& [name, value] : parameters.items()) {
    if (value.is_null() || std::ranges::find(kKnown, name) != std::end(kKnown)) continue;
    return fail("The RoPE parameter {} is not known, and may change what the model computes.",
                quote(name));
  }
  return {};
}

Result<double> number(const json& parameters, const char* name, std::optional<double> fallback) {
  const auto found = parameters.find(name);
  if (found == parameters.end() || found->is_null()) {
    if (fallback) return *fallback;
    return fail("The RoPE parameter '{}' is missing.", name);
  }
  const double value = found->is_number() ? found->get<double>() : 0;
  if (std::isfinite(value) && value > 0) return value;
  return fail("The RoPE parameter '{}' is {}, and a finite number above 0 was wanted.", name,
              quote(found->dump()));
}

Result<std::vector<float>> numbers(const json& parameters, const char* name, uint32_t count) {
  const auto found = parameters.find(name);
  std::vector<float> out;
  if (found != parameters.end() && found->is_array()) {
    for (const json& value : *found) out.push_back(value.is_number() ? value.get<float>() : 0);
  }
  const bool all_good = std::ranges::all_of(out, [](float f) { return std::isfinite(f) && f > 0; });
  if (out.size() == count && all_good) return out;
  return fail("The RoPE parameter '{}' is no list of {} finite numbers above 0.", name, count);
}

double magnitude_of_yarn(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

Result<void> read_yarn(const json& parameters, Scaling& scaling) {
  WEFT_ASSIGN(scaling.beta_fast, number(parameters, "beta_fast", 32));
  WEFT_ASSIGN(scaling.beta_slow, number(parameters, "beta_slow", 1));
  scaling.truncates = parameters.value("truncate", scaling.truncates);
  WEFT_ASSIGN(const double mscale, number(parameters, "mscale", 0));
  WEFT_ASSIGN(const double all, number(parameters, "mscale_all_dim", 0));
  if (!scaling.magnitude && mscale != 0 && all != 0) {
    scaling.magnitude =
        magnitude_of_yarn(scaling.factor, mscale) / magnitude_of_yarn(scaling.factor, all);
  }
  return {};
}

Result<void> read_longrope(const Source& source, const json& parameters, uint32_t pairs,
                           Scaling& scaling) {
  WEFT_ASSIGN(scaling.factors, numbers(parameters, "short_factor", pairs));
  WEFT_TRY(numbers(parameters, "long_factor", pairs));
  WEFT_ASSIGN(const uint32_t context, source.count("context_length", kAny));
  const double stretch = context / scaling.original_context;
  scaling.max_context = static_cast<uint32_t>(std::min<double>(scaling.original_context, context));
  if (!scaling.magnitude && stretch > 1) {
    scaling.magnitude = std::sqrt(1 + std::log(stretch) / std::log(scaling.original_context));
  }
  return {};
}

Result<Scaling> scaling_of_config(const Source& source, const json& parameters, uint32_t pairs,
                                  Scaling scaling) {
  WEFT_TRY(expect_known(parameters));
  const auto type =
      parameters.contains("rope_type") ? parameters.find("rope_type") : parameters.find("type");
  if (type == parameters.end()) return scaling;
  scaling.type = type->is_string() ? type->get<std::string>() : type->dump();
  if (scaling.type == "default") scaling.type = "none";
  if (scaling.type == "su") scaling.type = "longrope";  // its first name
  if (scaling.type == "none") return scaling;

  const bool needs_factor = scaling.type != "longrope";
  WEFT_ASSIGN(scaling.factor,
              number(parameters, "factor", needs_factor ? std::nullopt : std::optional(1.0)));
  WEFT_ASSIGN(const uint32_t context, source.count("context_length", kAny));
  WEFT_ASSIGN(const uint32_t original,
              source.count("rope.scaling.original_context_length", kAny, context));
  WEFT_ASSIGN(scaling.original_context,
              number(parameters, "original_max_position_embeddings", original));
  WEFT_ASSIGN(const double magnitude, number(parameters, "attention_factor", 0));
  if (magnitude != 0) scaling.magnitude = magnitude;
  if (scaling.type == "llama3") {
    WEFT_ASSIGN(scaling.low_freq_factor, number(parameters, "low_freq_factor", {}));
    WEFT_ASSIGN(scaling.high_freq_factor, number(parameters, "high_freq_factor", {}));
  } else if (scaling.type == "yarn") {
    WEFT_TRY(read_yarn(parameters, scaling));
  } else if (scaling.type == "longrope") {
    WEFT_TRY(read_longrope(source, parameters, pairs, scaling));
  } else if (scaling.type == "dynamic") {
    scaling.type = "none";  // another base serves texts beyond the model's context, and only them
  }
  return scaling;
}

// Llama 3.1: long waves are slowed down by the factor, short ones stay, those between are blended.
double llama3(double inv_freq, const Scaling& s) {
  const double turns = s.original_context * inv_freq / (2 * std::numbers::pi);
  const double kept =
      std::clamp((turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor), 0.0, 1.0);
  return (1 - kept) * inv_freq / s.factor + kept * inv_freq;
}

// The part of each pair's frequency that YaRN (arXiv 2309.00071) keeps: a ramp over pair numbers.
double kept_by_yarn(uint32_t pair, double base, uint32_t dims, const Scaling& s) {
  const auto pair_with = [&](double turns) {
    return dims * std::log(s.original_context / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(base));
  };
  double low = pair_with(s.beta_fast);
  double high = pair_with(s.beta_slow);
  if (s.truncates) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dims - 1.0);
  if (low == high) high += 0.001;
  return 1 - std::clamp((pair - low) / (high - low), 0.0, 1.0);
}

Result<double> scaled(double inv_freq, uint32_t pair, double base, uint32_t dims,
                      const Scaling& s) {
  if (s.type == "none" || s.type == "longrope") return inv_freq;
  if (s.type == "linear") return inv_freq / s.factor;
  if (s.type == "llama3") return llama3(inv_freq, s);
  if (s.type == "yarn") {
    const double kept = kept_by_yarn(pair, base, dims, s);
    return (1 - kept) * inv_freq / s.factor + kept * inv_freq;
  }
  return fail(
      "The RoPE scaling {} is not supported; supported are: linear, llama3, yarn, longrope, and in "
      "folders dynamic.",
      quote(s.type));
}

Result<void> fill(Rope& rope, double base, const Scaling& scaling) {
  for (uint32_t i = 0; i < rope.dims / 2; ++i) {
    const double plain = std::pow(base, -2.0 * i / rope.dims);
    WEFT_ASSIGN(double inv_freq, scaled(plain, i, base, rope.dims, scaling));
    if (!scaling.factors.empty()) inv_freq /= static_cast<double>(scaling.factors[i]);
    rope.inv_freq.push_back(static_cast<float>(inv_freq));
    if (!std::isfinite(rope.inv_freq.back())) {
      return fail("The RoPE base {} and its scaling turn pair {} infinitely fast.", base, i);
    }
  }
  rope.max_context = scaling.max_context;
  const double usual = scaling.type == "yarn" ? magnitude_of_yarn(scaling.factor, 1) : 1;
  rope.magnitude = static_cast<float>(scaling.magnitude.value_or(usual));
  return {};
}

Result<uint32_t> read_dims(const Source& source, const RopeRecipe& recipe, const json* parameters) {
  uint32_t dims = 0;
  if (source.has("rope.dimension_count")) {
    WEFT_ASSIGN(dims, source.count("rope.dimension_count", recipe.head_dim));
  } else {
    double part = static_cast<double>(recipe.default_part);
    if (source.has("rope.part")) {
      WEFT_ASSIGN(const float value, source.positive("rope.part"));
      part = static_cast<double>(value);
    }
    if (parameters != nullptr) {
      WEFT_ASSIGN(part, number(*parameters, "partial_rotary_factor", part));
    }
    if (part > 1) return fail("RoPE rotates a part of {} of each head, and 1 is all.", part);
    dims = static_cast<uint32_t>(part * recipe.head_dim);
  }
  if (dims % 2 == 0 && dims > 0) return dims;
  return fail("{} is {}, and an even number was wanted.",
              source.file().describe("rope.dimension_count"), dims);
}

constexpr const char* kParameterFields[] = {"rope_parameters", "rope_scaling"};

Result<void> expect_objects(const json& config) {
  for (const char* field : kParameterFields) {
    const auto found = config.find(field);
    if (found == config.end() || found->is_null() || found->is_object()) continue;
    return fail("Field '{}' of 'config.json' is {}, and an object was wanted.", field,
                quote(found->dump()));
  }
  return {};
}

Result<Rope> read(Source& source, const RopeRecipe& recipe, bool with_scaling) {
  const json* config = source.file().config();
  if (config != nullptr) WEFT_TRY(expect_objects(*config));
  const json* parameters = config ? rope_parameters(*config, recipe.layer_type) : nullptr;
  Rope rope{.pairs = recipe.pairs};
  WEFT_ASSIGN(rope.dims, read_dims(source, recipe, parameters));
  WEFT_ASSIGN(const float stated, source.positive(recipe.base_key, recipe.default_base));
  double base = static_cast<double>(stated);
  if (parameters != nullptr) {
    WEFT_ASSIGN(base, number(*parameters, "rope_theta", base));
  }
  Scaling scaling{.truncates = recipe.yarn_truncates};
  if (with_scaling && config == nullptr) {
    WEFT_ASSIGN(scaling, scaling_of_gguf(source, rope.dims / 2, scaling));
  } else if (with_scaling && parameters != nullptr) {
    WEFT_ASSIGN(scaling, scaling_of_config(source, *parameters, rope.dims / 2, scaling));
  }
  WEFT_TRY(fill(rope, base, scaling));
  return rope;
}

}  // namespace

const json* rope_parameters(const json& config, std::string_view layer_type) {
  for (const char* field : kParameterFields) {
    const auto found = config.find(field);
    if (found == config.end() || !found->is_object()) continue;
    const auto of_type = found->find(layer_type);
    return of_type != found->end() && of_type->is_object() ? &*of_type : &*found;
  }
  return nullptr;
}

Result<Rope> read_rope(Source& source, const RopeRecipe& recipe) {
  return read(source, recipe, true);
}

Result<Rope> unscaled_rope(Source& source, const RopeRecipe& recipe) {
  return read(source, recipe, false);
}

}  // namespace weft::model
