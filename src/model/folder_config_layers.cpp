#include "model/folder_config_layers.h"

#include <algorithm>

#include "model/convert_delta_net.h"

namespace weft::model {
namespace {

using nlohmann::ordered_json;

class LayerFields {
 public:
  LayerFields(const Architecture& architecture, const ModelSpec& spec, ordered_json& config)
      : architecture_(architecture), spec_(spec), config_(config) {}

  void set_all() {
    set_mixture();
    set_delta_net();
    set_layer_types();
    if (has_field("no_rope_layers")) {
      set_list("no_rope_layers", [](const LayerSpec& layer) { return layer.attention.rope.dims; });
    }
    if (architecture_.gguf == "llama4") set_llama4();
  }

 private:
  [[nodiscard]] bool has_field(std::string_view theirs) const {
    return std::ranges::find(architecture_.layout.fields, theirs, &HfName::theirs) !=
           architecture_.layout.fields.end();
  }

  // Where the folders have a field for our key.
  template <class Value>
  void set(std::string_view ours, Value value) {
    const std::string_view field = hf_field(architecture_.layout, ours);
    if (!field.empty()) config_[std::string(field)] = value;
  }

  // 1 for each layer that is, 0 for others.
  template <class Is>
  void set_list(const char* field, Is is) {
    std::vector<int> list;
    for (const LayerSpec& layer : spec_.layers) list.push_back(is(layer) != 0);
    config_[field] = list;
  }

  // The numbers of the layers that are.
  template <class Is>
  void set_numbers(const char* field, Is is) {
    config_[field] = ordered_json::array();
    for (size_t i = 0; i < spec_.layers.size(); ++i) {
      if (is(spec_.layers[i])) config_[field].push_back(i);
    }
  }

  void set_mixture() {
    const auto layer = std::ranges::find_if(spec_.layers, has_mixture);
    if (layer == spec_.layers.end()) return;
    const Mixture& mixture = *layer->mlp.mixture;
    set("expert_count", mixture.experts);
    set("expert_used_count", mixture.used);
    set("expert_feed_forward_length", mixture.ff);
    if (layer->mlp.ff != 0) set("expert_shared_feed_forward_length", layer->mlp.ff);
    set("expert_weights_norm", mixture.normalized);
    if (has_field("mlp_only_layers")) {
      set_numbers("mlp_only_layers", [](const LayerSpec& l) { return !has_mixture(l); });
    }
  }

  static bool has_mixture(const LayerSpec& layer) { return layer.mlp.mixture.has_value(); }

  void set_delta_net() {
    const DeltaNet* net = first_delta_net(spec_);
    if (net == nullptr) return;
    set("ssm.conv_kernel", net->taps);
    set("ssm.state_size", net->k_dim);
    set("ssm.value_dim", net->v_dim);
    set("ssm.group_count", net->k_heads);
    set("ssm.time_step_rank", net->v_heads);
  }

  static const char* type_of(const LayerSpec& layer) {
    if (layer.delta_net) return "linear_attention";
    if (layer.attention.chunked) return "chunked_attention";
    return layer.attention.window != 0 ? "sliding_attention" : "full_attention";
  }

  // Where they differ.
  void set_layer_types() {
    std::vector<const char*> types;
    for (const LayerSpec& layer : spec_.layers) types.push_back(type_of(layer));
    const auto differs = [&](std::string_view type) { return type != types.front(); };
    if (std::ranges::any_of(types, differs)) config_["layer_types"] = types;
  }

  void set_llama4() {
    const auto find = [this](auto is) {
      const auto found = std::ranges::find_if(spec_.layers, is);
      return found == spec_.layers.end() ? nullptr : &*found;
    };
    set_numbers("moe_layers", has_mixture);
    const auto sparse = std::ranges::find_if(spec_.layers, has_mixture);
    if (sparse != spec_.layers.end()) {
      set("interleave_moe_layer_step", sparse - spec_.layers.begin() + 1);
    }
    const LayerSpec* chunked = find([](const LayerSpec& l) { return l.attention.chunked; });
    // A chunk as long as the context is none.
    set("attention.chunk_size", chunked != nullptr ? chunked->attention.window : spec_.context);
    const LayerSpec* far =
        find([](const LayerSpec& l) { return l.attention.temperature.scale != 0; });
    set("attention.temperature", far != nullptr);
    if (far != nullptr) {
      set("attention.temperature_scale", far->attention.temperature.scale);
      set("attention.temperature_length", far->attention.temperature.length);
    }
    const auto has_qk_norm = [](const LayerSpec& l) {
      return l.attention.qk_norm != QkNorm::kNone;
    };
    set("use_qk_norm", find(has_qk_norm) != nullptr);
  }

  const Architecture& architecture_;
  const ModelSpec& spec_;
  ordered_json& config_;
};

}  // namespace

void set_layer_fields(const Architecture& architecture, const ModelSpec& spec,
                      ordered_json& config) {
  LayerFields(architecture, spec, config).set_all();
}

}  // namespace weft::model
