#include "model/hf_model.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/checked.h"
#include "formats/quote.h"
#include "model/hf_fields.h"

namespace weft::model {
namespace {

using formats::quote;
using nlohmann::json;

constexpr HfName kFields[] = {
    {"block_count", "num_hidden_layers"},
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"feed_forward_length", "intermediate_size"},
    {"vocab_size", "vocab_size"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads"},
    {"attention.key_length", "head_dim"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps"},
    {"attention.layer_norm_epsilon", "layer_norm_eps"},
    {"attention.layer_norm_epsilon", "layer_norm_epsilon"},
    {"attention.sliding_window", "sliding_window"},
    {"activation", "hidden_act"},
    {"activation", "hidden_activation"},
    {"activation", "activation_function"},
    {"rope.freq_base", "rope_theta"},
    {"rope.part", "partial_rotary_factor"},
    {"rope.scaling.original_context_length", "original_max_position_embeddings"},
    {"tied", "tie_word_embeddings"},
    {"expert_count", "num_local_experts"},
    {"expert_count", "num_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"expert_feed_forward_length", "moe_intermediate_size"},
};

constexpr HfName kTensors[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"blk.{}.attn_norm", "model.layers.{}.input_layernorm"},
    {"blk.{}.attn_q", "model.layers.{}.self_attn.q_proj"},
    {"blk.{}.attn_k", "model.layers.{}.self_attn.k_proj"},
    {"blk.{}.attn_v", "model.layers.{}.self_attn.v_proj"},
    {"blk.{}.attn_qkv", "model.layers.{}.self_attn.qkv_proj"},
    {"blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_norm"},
    {"blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_norm"},
    {"blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"},
    {"blk.{}.ffn_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.ffn_gate", "model.layers.{}.mlp.gate_proj"},
    {"blk.{}.ffn_up", "model.layers.{}.mlp.up_proj"},
    {"blk.{}.ffn_down", "model.layers.{}.mlp.down_proj"},
    {"blk.{}.ffn_gate_inp", "model.layers.{}.mlp.gate"},
    {"blk.{}.ffn_gate.{}", "model.layers.{}.mlp.experts.{}.gate_proj"},
    {"blk.{}.ffn_up.{}", "model.layers.{}.mlp.experts.{}.up_proj"},
    {"blk.{}.ffn_down.{}", "model.layers.{}.mlp.experts.{}.down_proj"},
};

const json* field(const json& config, std::string_view name) {
  const auto found = config.find(name);
  return found == config.end() || found->is_null() ? nullptr : &*found;
}

// Without ".weight" or ".bias".
std::string_view stem_of(std::string_view name) {
  for (const std::string_view suffix : {".weight", ".bias"}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

// "blk.12.ffn_up.7.weight" in parts.
struct Role {
  std::string pattern;                    // "blk.{}.ffn_up.{}"
  std::vector<std::string_view> numbers;  // "12", "7": of layer and expert, where there are any
  std::string_view suffix;                // ".weight", or empty
};

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Role parse_role(std::string_view name) {
  const std::string_view stem = stem_of(name);
  Role role{.suffix = name.substr(stem.size())};
  for (std::string_view rest = stem; !rest.empty();) {
    const size_t end = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, end);
    if (is_number(part)) role.numbers.push_back(part);
    if (!role.pattern.empty()) role.pattern += '.';
    role.pattern += is_number(part) ? "{}" : part;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return role;
}

// The pattern with `numbers` in the places "{}".
std::string filled(std::string_view pattern, std::span<const std::string_view> numbers) {
  std::string name(pattern);
  size_t place = 0;
  for (const std::string_view number : numbers) {
    place = name.find("{}", place);
    if (place != std::string::npos) name.replace(place, 2, number);
  }
  return name;
}

// The fields of the part for text among those of the whole.
json flattened(const json& config, std::string_view text_defaults) {
  json out = config;
  out.erase("text_config");
  out.erase("vision_config");
  const auto text = config.find("text_config");
  if (text == config.end() || !text->is_object()) return out;
  if (!text_defaults.empty()) out.update(json::parse(text_defaults));
  out.update(*text);
  return out;
}

constexpr std::string_view kBody = "model.";

}  // namespace

HfModel::HfModel(const HfFolder& folder, std::string_view architecture, const HfLayout& layout)
    : folder_(folder),
      config_(layout.text_part.empty() ? folder.config()
                                       : flattened(folder.config(), layout.text_defaults)),
      architecture_(architecture),
      layout_(layout),
      has_text_part_(!layout.text_part.empty() && folder.config().contains("text_config")) {}

const json* HfModel::find(std::string_view key) const {
  for (const std::span<const HfName> names : {layout_.fields, std::span<const HfName>(kFields)}) {
    for (const HfName& name : names) {
      if (name.ours != key) continue;
      if (const json* value = field(config_, name.theirs)) return value;
    }
  }
  return nullptr;
}

std::string HfModel::describe(std::string_view key) const {
  std::string_view shown = key;
  for (const std::span<const HfName> names : {std::span<const HfName>(kFields), layout_.fields}) {
    for (const HfName& name : names) {
      if (name.ours != key) continue;
      if (shown == key || field(config_, name.theirs) != nullptr) shown = name.theirs;
    }
  }
  return fmt::format("Field {} of 'config.json'", quote(shown));
}

Result<uint32_t> HfModel::u32(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return fail("{} is missing.", describe(key));
  if (value->is_number_unsigned() && std::in_range<uint32_t>(value->get<uint64_t>())) {
    return value->get<uint32_t>();
  }
  return fail("{} is {}, and a whole number of at most 32 bits was wanted.", describe(key),
              quote(value->dump()));
}

Result<float> HfModel::f32(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return fail("{} is missing.", describe(key));
  if (value->is_number()) return value->get<float>();
  return fail("{} is {}, and a number was wanted.", describe(key), quote(value->dump()));
}

Result<bool> HfModel::flag(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return fail("{} is missing.", describe(key));
  if (value->is_boolean()) return value->get<bool>();
  if (value->is_number_integer()) return *value != 0;  // as Python takes it
  return fail("{} is {}, and true or false was wanted.", describe(key), quote(value->dump()));
}

Result<std::string> HfModel::text(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return fail("{} is missing.", describe(key));
  if (value->is_string()) return value->get<std::string>();
  return fail("{} is {}, and a text was wanted.", describe(key), quote(value->dump()));
}

Result<std::vector<bool>> HfModel::flags(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return fail("{} is missing.", describe(key));
  std::vector<bool> out;
  for (const json& flag : *value) {
    if (flag.is_boolean()) out.push_back(flag.get<bool>());
  }
  if (value->is_array() && out.size() == value->size()) return out;
  return fail("{} is {}, and a list of true and false was wanted.", describe(key),
              quote(value->dump()));
}

// Its name there, of what is called so where there is text alone.
std::string HfModel::in_folder(std::string name) const {
  if (has_text_part_ && name.starts_with(kBody)) name.replace(0, kBody.size(), layout_.text_part);
  return name;
}

std::string_view hf_field(const HfLayout& layout, std::string_view ours) {
  for (const std::span<const HfName> names : {layout.fields, std::span<const HfName>(kFields)}) {
    const auto found = std::ranges::find(names, ours, &HfName::ours);
    if (found != names.end()) return found->theirs;
  }
  return {};
}

std::string hf_tensor(const HfLayout& layout, std::string_view ours) {
  const Role role = parse_role(ours);
  for (const std::span<const HfName> names : {layout.tensors, std::span<const HfName>(kTensors)}) {
    const std::string whole = role.pattern + std::string(role.suffix);
    for (const HfName& name : names) {
      if (name.ours == whole) return filled(name.theirs, role.numbers);
      if (name.ours == role.pattern) return filled(name.theirs, role.numbers).append(role.suffix);
    }
  }
  return std::string(ours);
}

bool is_transposed_in_folders(const HfLayout& layout, std::string_view ours) {
  const Role role = parse_role(ours);
  return role.suffix == ".weight" &&
         std::ranges::find(layout.transposed, role.pattern) != layout.transposed.end();
}

std::string HfModel::tensor_name(std::string_view name) const {
  const Role role = parse_role(name);
  std::string first;  // of the names that it may have
  for (const std::span<const HfName> names : {layout_.tensors, std::span<const HfName>(kTensors)}) {
    for (const HfName& alias : names) {
      const bool is_whole = alias.ours == role.pattern + std::string(role.suffix);
      if (!is_whole && alias.ours != role.pattern) continue;
      std::string theirs = in_folder(filled(alias.theirs, role.numbers));
      if (!is_whole) theirs += role.suffix;
      if (folder_.has(theirs)) return theirs;
      if (first.empty()) first = theirs;
    }
    if (!first.empty()) return first;
  }
  return std::string(name);
}

std::optional<std::string> HfModel::gguf_name(std::string_view tensor) const {
  std::string name(tensor);
  if (has_text_part_ && name.starts_with(layout_.text_part)) {
    name.replace(0, layout_.text_part.size(), kBody);
  }
  const Role role = parse_role(name);
  for (const std::span<const HfName> names : {layout_.tensors, std::span<const HfName>(kTensors)}) {
    for (const HfName& alias : names) {
      const bool is_whole = alias.theirs == role.pattern + std::string(role.suffix);
      if (!is_whole && alias.theirs != role.pattern) continue;
      std::string ours = filled(alias.ours, role.numbers);
      if (!is_whole) ours += role.suffix;
      if (tensor_name(ours) == tensor) return ours;
    }
  }
  return std::nullopt;
}

bool HfModel::is_transposed(std::string_view name) const {
  return is_transposed_in_folders(layout_, name) && !folder_.is_decoded(tensor_name(name));
}

Result<std::optional<formats::TensorView>> HfModel::find_tensor(std::string_view name) const {
  return folder_.find(tensor_name(name));
}

std::vector<std::string_view> HfModel::tensor_names() const {
  std::vector<std::string_view> names = folder_.tensor_names();
  std::erase_if(names, [&](std::string_view name) {
    return std::ranges::any_of(layout_.ignored_tensors, [&](std::string_view part) {
      return name.find(part) != std::string_view::npos;
    });
  });
  return names;
}

Result<void> HfModel::expect_only_keys(std::span<const std::string_view> known) const {
  const auto is_known = [&](std::string_view name) {
    if (is_without_effect(name)) return true;
    for (const std::span<const HfName> names : {layout_.fields, std::span<const HfName>(kFields)}) {
      for (const HfName& alias : names) {
        const bool is_read =
            alias.ours.empty() || std::ranges::find(known, alias.ours) != known.end();
        if (alias.theirs == name && is_read) return true;
      }
    }
    return false;
  };
  for (const auto& [name, value] : config_.items()) {
    if (value.is_null() || is_known(name)) continue;
    if (const auto only = only_value(name)) {
      if (value == *only) continue;
      return fail("Field {} of 'config.json' is {}, and only {} is supported.", quote(name),
                  quote(value.dump()), only->dump());
    }
    return fail(
        "Field {} of 'config.json' is not known for architecture '{}', and may change what it "
        "computes.",
        quote(name), architecture_);
  }
  return {};
}

}  // namespace weft::model
