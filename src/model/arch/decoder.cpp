#include "model/arch/decoder.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "formats/quote.h"
#include "model/arch/made_weights.h"
#include "model/arch/mixture.h"
#include "model/rope.h"

namespace weft::model {
namespace {

using formats::quote;

constexpr uint32_t kMaxHeads = 1 << 14;  // heads * head_dim fits in 32 bits
constexpr uint32_t kMaxHeadDim = 1 << 14;

constexpr std::string_view kKeys[] = {
    "block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size",
    "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.value_length", "attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon",
    "attention.sliding_window", "attention.scale", "expert_count", "expert_used_count",
    "expert_feed_forward_length", "activation", "tied", "rope.part", "rope.dimension_count",
    "rope.freq_base", "rope.scale_linear", "rope.scaling.type", "rope.scaling.factor",
    "rope.scaling.attn_factor", "rope.scaling.original_context_length",
    "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
    // These inform.
    "tensor_data_layout", "rope.scaling.finetuned"};

std::string in_block(uint32_t index, std::string_view role) {
  return fmt::format("blk.{}.{}", index, role);
}

// The vocabulary's size by the embedding's rows, which key and tokenizer must agree with.
Result<uint32_t> read_vocab(const Source& source) {
  WEFT_ASSIGN(const auto embedding, source.file().find_tensor("token_embd.weight"));
  const std::string name = quote(source.file().tensor_name("token_embd.weight"));
  if (!embedding) return fail("Tensor {} is missing.", name);
  const uint64_t rows = embedding->dims[1];
  if (rows > kAny) return fail("Tensor {} has {} rows, and {} fit.", name, rows, kAny);
  const auto vocab = static_cast<uint32_t>(rows);
  WEFT_ASSIGN(const uint32_t declared, source.count("vocab_size", kAny, vocab));
  if (declared == vocab) return vocab;
  return fail("{} is {}, and tensor {} has {} rows.", source.file().describe("vocab_size"),
              declared, name, vocab);
}

Result<Activation> read_activation(const Source& source, const Recipe& recipe) {
  if (!source.has("activation")) return recipe.activation;
  WEFT_ASSIGN(const std::string name, source.file().text("activation"));
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") {
    return Activation::kGeluTanh;
  }
  return fail("{} is {}, and 'silu', 'gelu' and 'gelu_pytorch_tanh' are supported.",
              source.file().describe("activation"), quote(name));
}

constexpr std::string_view kPattern = "attention.sliding_window_pattern";

// The key is a flag for each layer, or a number of layers of which the last sees everything (of 0
// none does).
Result<bool> is_sliding_by_pattern(const Source& source, uint32_t layer) {
  if (const auto flags = source.file().flags(kPattern)) {
    if (layer < flags->size()) return (*flags)[layer];
    return fail("{} has {} elements, and there is a layer {}.", source.file().describe(kPattern),
                flags->size(), layer);
  }
  WEFT_ASSIGN(const uint32_t period, source.file().u32(kPattern));
  return period == 0 || (layer + 1) % period != 0;
}

Result<uint32_t> read_window(const Source& source, uint32_t context) {
  WEFT_ASSIGN(const bool slides, source.flag_or("uses_sliding_window", true));
  WEFT_ASSIGN(const uint32_t window, source.count_or_zero("attention.sliding_window"));
  return slides && window < context ? window : 0;
}

Result<Attention> read_attention(Source& source, const ModelSpec& spec, const Recipe& recipe) {
  Attention attention{.qk_norm = recipe.qk_norm};
  WEFT_ASSIGN(attention.n_heads, source.count("attention.head_count", kMaxHeads));
  attention.n_kv_heads = recipe.kv_heads;
  if (recipe.kv_heads == 0) {
    WEFT_ASSIGN(attention.n_kv_heads,
                source.count("attention.head_count_kv", kMaxHeads, attention.n_heads));
  }
  if (attention.n_heads % attention.n_kv_heads != 0) {
    return fail("There are {} heads and {} KV heads, which do not divide them.", attention.n_heads,
                attention.n_kv_heads);
  }
  if (!source.has("attention.key_length") && spec.embd % attention.n_heads != 0) {
    return fail("The embedding of {} is not divided by {} heads. {} is missing.", spec.embd,
                attention.n_heads, source.file().describe("attention.key_length"));
  }
  WEFT_ASSIGN(attention.head_dim,
              source.count("attention.key_length", kMaxHeadDim, spec.embd / attention.n_heads));
  WEFT_ASSIGN(const uint32_t value_dim,
              source.count("attention.value_length", kMaxHeadDim, attention.head_dim));
  if (value_dim != attention.head_dim) {
    return fail("{} is {}, and the key length is {}: only equal lengths are supported.",
                source.file().describe("attention.value_length"), value_dim, attention.head_dim);
  }
  attention.rope.pairs = source.is_gguf() ? recipe.gguf_pairs : recipe.hf_pairs;
  if (recipe.rotates) {
    WEFT_ASSIGN(attention.rope, read_rope(source, {.pairs = attention.rope.pairs,
                                                   .head_dim = attention.head_dim,
                                                   .default_base = recipe.rope_base,
                                                   .default_part = recipe.rope_part,
                                                   .yarn_truncates = recipe.yarn_truncates}));
  }
  const double usual = 1.0 / std::sqrt(static_cast<double>(attention.head_dim));
  WEFT_ASSIGN(attention.scale, source.positive("attention.scale", static_cast<float>(usual)));
  WEFT_ASSIGN(attention.window, read_window(source, spec.context));
  return attention;
}

// Rows [first, first + count) of a matrix or, of a vector, elements.
Weight rows_of(const Weight& all, uint32_t first, uint32_t count) {
  const bool is_vector = all.rows == 1;
  const uint32_t n = is_vector ? all.cols : all.rows;
  const size_t row_bytes = all.tensor.data.size() / n;
  Weight part = all;
  (is_vector ? part.cols : part.rows) = count;
  part.tensor.dims[is_vector ? 0 : 1] = count;
  part.tensor.data = all.tensor.data.subspan(first * row_bytes, count * row_bytes);
  part.tensor.offset += first * row_bytes;
  return part;
}

struct Qkv {
  Weight q, k, v;
};

// The rows of `all` in the order q, k, v.
Weight behind_each_other(Source& source, const Weight& all, const Attention& a) {
  const uint32_t queries = a.n_heads / a.n_kv_heads * a.head_dim;
  const uint32_t n_rows = (a.n_heads + 2 * a.n_kv_heads) * a.head_dim;
  const size_t row_bytes = all.tensor.data.size() / n_rows;
  const std::span<std::byte> made = source.make(all.tensor.data.size());
  auto to = made.begin();
  const auto copy = [&](uint32_t first, uint32_t count) {
    to = std::ranges::copy(all.tensor.data.subspan(first * row_bytes, count * row_bytes), to).out;
  };
  const uint32_t group = queries + 2 * a.head_dim;
  for (uint32_t g = 0; g < a.n_kv_heads; ++g) copy(g * group, queries);
  for (uint32_t g = 0; g < a.n_kv_heads; ++g) copy(g * group + queries, a.head_dim);
  for (uint32_t g = 0; g < a.n_kv_heads; ++g) copy(g * group + queries + a.head_dim, a.head_dim);
  Weight out = all;
  out.tensor.data = made;
  return out;
}

Qkv split_qkv(Source& source, const Recipe& recipe, Weight all, const Attention& a) {
  if (!source.is_gguf() && recipe.hf_qkv == QkvRows::kByKvHead) {
    all = behind_each_other(source, all, a);
  }
  const uint32_t q = a.n_heads * a.head_dim;
  const uint32_t kv = a.n_kv_heads * a.head_dim;
  return {rows_of(all, 0, q), rows_of(all, q, kv), rows_of(all, q + kv, kv)};
}

// Of 2 * n_heads heads of rows in `all`, those with an index of 2 * i + first.
Weight every_other_head(Source& source, const Weight& all, const Attention& a, uint32_t first) {
  std::vector<Rows> rows;
  for (uint32_t head = 0; head < a.n_heads; ++head) {
    rows.push_back({.first = (2 * head + first) * a.head_dim, .count = a.head_dim});
  }
  return made_of_rows(source, all, rows);
}

Result<void> read_qkv(Source& source, const Recipe& recipe, uint32_t index, uint32_t embd,
                      LayerSpec& layer) {
  const Attention& a = layer.attention;
  const uint32_t q = a.n_heads * a.head_dim;
  const uint32_t kv = a.n_kv_heads * a.head_dim;
  const auto name = [index](std::string_view role) { return in_block(index, role); };
  WEFT_ASSIGN(const auto fused,
              source.matrix_if_present(name("attn_qkv.weight"), q + 2 * kv, embd));
  if (fused) {
    Qkv parts = split_qkv(source, recipe, *fused, a);
    layer.attn_q = parts.q;
    layer.attn_k = parts.k;
    layer.attn_v = parts.v;
    WEFT_ASSIGN(const auto bias, source.vector_if_present(name("attn_qkv.bias"), q + 2 * kv));
    if (!bias) return {};
    parts = split_qkv(source, recipe, *bias, a);
    layer.attn_q_bias = parts.q;
    layer.attn_k_bias = parts.k;
    layer.attn_v_bias = parts.v;
    return {};
  }
  if (recipe.attn_gate) {
    WEFT_ASSIGN(const Weight both, source.matrix(name("attn_q.weight"), 2 * q, embd));
    layer.attn_q = every_other_head(source, both, a, 0);
    layer.attn_gate = every_other_head(source, both, a, 1);
  } else {
    WEFT_ASSIGN(layer.attn_q, source.matrix(name("attn_q.weight"), q, embd));
  }
  WEFT_ASSIGN(layer.attn_k, source.matrix(name("attn_k.weight"), kv, embd));
  WEFT_ASSIGN(layer.attn_v, source.matrix(name("attn_v.weight"), kv, embd));
  WEFT_ASSIGN(layer.attn_q_bias, source.vector_if_present(name("attn_q.bias"), q));
  WEFT_ASSIGN(layer.attn_k_bias, source.vector_if_present(name("attn_k.bias"), kv));
  WEFT_ASSIGN(layer.attn_v_bias, source.vector_if_present(name("attn_v.bias"), kv));
  return {};
}

Result<void> read_norms(Source& source, const Recipe& recipe, uint32_t index, uint32_t embd,
                        LayerSpec& layer) {
  const auto name = [index](std::string_view role) { return in_block(index, role); };
  if (recipe.pre_norms) {
    WEFT_ASSIGN(layer.attn_norm, source.vector(name("attn_norm.weight"), embd));
    WEFT_ASSIGN(layer.attn_norm_bias, source.vector_if_present(name("attn_norm.bias"), embd));
    const std::string ffn_norm = name(fmt::format("{}.weight", recipe.ffn_norm));
    WEFT_ASSIGN(layer.ffn_norm, source.vector_if_present(ffn_norm, embd));
    if (!recipe.parallel && !layer.ffn_norm) {
      WEFT_ASSIGN(layer.ffn_norm, source.vector(ffn_norm, embd));
    }
    WEFT_ASSIGN(layer.ffn_norm_bias, source.vector_if_present(name("ffn_norm.bias"), embd));
  }
  if (recipe.post_norms) {
    WEFT_ASSIGN(layer.attn_post_norm, source.vector(name("post_attention_norm.weight"), embd));
    WEFT_ASSIGN(layer.ffn_post_norm, source.vector(name("post_ffw_norm.weight"), embd));
  }
  return {};
}

Result<void> read_attention_weights(Source& source, const Recipe& recipe, uint32_t index,
                                    uint32_t embd, LayerSpec& layer) {
  const auto name = [index](std::string_view role) { return in_block(index, role); };
  const Attention& a = layer.attention;
  if (recipe.qk_norm != QkNorm::kNone) {
    const bool whole = recipe.qk_norm == QkNorm::kWhole;
    const uint32_t q = whole ? a.n_heads * a.head_dim : a.head_dim;
    const uint32_t k = whole ? a.n_kv_heads * a.head_dim : a.head_dim;
    WEFT_ASSIGN(layer.attn_q_norm, source.vector(name("attn_q_norm.weight"), q));
    WEFT_ASSIGN(layer.attn_k_norm, source.vector(name("attn_k_norm.weight"), k));
  }
  WEFT_TRY(read_qkv(source, recipe, index, embd, layer));
  WEFT_ASSIGN(layer.attn_output,
              source.matrix(name("attn_output.weight"), embd, a.n_heads * a.head_dim));
  WEFT_ASSIGN(layer.attn_output_bias, source.vector_if_present(name("attn_output.bias"), embd));
  return {};
}

Result<void> read_mlp(Source& source, uint32_t index, uint32_t embd, LayerSpec& layer) {
  const uint32_t ff = layer.mlp.ff;
  const auto name = [index](std::string_view role) { return in_block(index, role); };
  WEFT_ASSIGN(const bool has_gate, source.has_tensor(name("ffn_gate.weight")));
  WEFT_ASSIGN(const auto up, source.file().find_tensor(name("ffn_up.weight")));
  if (layer.mlp.gated && !has_gate && up && up->dims[1] != ff) {  // gate, then up
    WEFT_ASSIGN(const Weight both, source.matrix(name("ffn_up.weight"), 2 * ff, embd));
    layer.ffn_gate = rows_of(both, 0, ff);
    layer.ffn_up = rows_of(both, ff, ff);
  } else {
    if (layer.mlp.gated) {
      WEFT_ASSIGN(layer.ffn_gate, source.matrix(name("ffn_gate.weight"), ff, embd));
      WEFT_ASSIGN(layer.ffn_gate_bias, source.vector_if_present(name("ffn_gate.bias"), ff));
    }
    WEFT_ASSIGN(layer.ffn_up, source.matrix(name("ffn_up.weight"), ff, embd));
    WEFT_ASSIGN(layer.ffn_up_bias, source.vector_if_present(name("ffn_up.bias"), ff));
  }
  WEFT_ASSIGN(layer.ffn_down, source.matrix(name("ffn_down.weight"), embd, ff));
  WEFT_ASSIGN(layer.ffn_down_bias, source.vector_if_present(name("ffn_down.bias"), embd));
  return {};
}

// The mixture of layers that have one, with the width of its shared expert: that of the others
// where the file does not say.
Result<Mlp> read_sparse_mlp(const Source& source, const Recipe& recipe, const Mlp& dense) {
  Mlp mlp = dense;
  WEFT_ASSIGN(mlp.mixture, read_mixture(source, recipe));
  mlp.ff = 0;
  if (mlp.mixture && recipe.routing->shared) {
    WEFT_ASSIGN(mlp.ff,
                source.count("expert_shared_feed_forward_length", kAny / 2, mlp.mixture->ff));
  }
  return mlp;
}

// Layers that guess tokens further ahead come last in a GGUF file; they are left out.
Result<uint32_t> read_layer_count(Source& source) {
  WEFT_ASSIGN(const uint32_t all, source.count("block_count", kAny));
  WEFT_ASSIGN(const uint32_t ahead, source.count_or_zero("nextn_predict_layers"));
  if (ahead >= all) {
    return fail("{} is {}, and there are {} layers in all.",
                source.file().describe("nextn_predict_layers"), ahead, all);
  }
  if (ahead > 0) source.ignore_layers_from(all - ahead);
  return all - ahead;
}

// Of MLPs. Models of mixtures alone need not say it.
Result<uint32_t> read_width(const Source& source, const Recipe& recipe, uint32_t embd) {
  constexpr std::string_view kKey = "feed_forward_length";
  const bool has_mixture = recipe.routing && source.has("expert_feed_forward_length");
  if (has_mixture && !source.has(kKey)) return 0U;
  const auto usual = recipe.ff_of_embd == 0 ? std::optional<uint32_t>()
                                            : recipe.ff_of_embd * std::min(embd, kAny / 8);
  return source.count(kKey, kAny / 2, usual);
}

Result<void> read_layers(Source& source, const Recipe& recipe, ModelSpec& spec) {
  WEFT_ASSIGN(const Attention attention, read_attention(source, spec, recipe));
  if (attention.rope.max_context != 0) {
    spec.context = std::min(spec.context, attention.rope.max_context);
  }
  Mlp mlp{.activation = Activation::kSilu, .ff = 0, .gated = recipe.gated};
  WEFT_ASSIGN(mlp.activation, read_activation(source, recipe));
  WEFT_ASSIGN(mlp.ff, read_width(source, recipe, spec.embd));
  WEFT_ASSIGN(const Mlp sparse, read_sparse_mlp(source, recipe, mlp));
  WEFT_ASSIGN(const uint32_t n_layers, read_layer_count(source));
  for (uint32_t i = 0; i < n_layers; ++i) {
    WEFT_ASSIGN(const bool routes, has_router(source, i));
    const bool is_sparse = sparse.mixture && routes;
    LayerSpec layer{.mlp = is_sparse ? sparse : mlp, .parallel = recipe.parallel};
    WEFT_TRY(read_norms(source, recipe, i, spec.embd, layer));
    bool attends = true;
    if (recipe.read_mixer != nullptr) {
      WEFT_ASSIGN(const bool is_read, recipe.read_mixer(source, i, spec, layer));
      attends = !is_read;
    }
    if (attends) {
      layer.attention = attention;
      WEFT_TRY(read_attention_weights(source, recipe, i, spec.embd, layer));
    }
    WEFT_TRY(is_sparse ? read_experts(source, *recipe.routing, i, spec.embd, layer)
                       : read_mlp(source, i, spec.embd, layer));
    spec.layers.push_back(std::move(layer));
  }
  const bool is_used = std::ranges::any_of(
      spec.layers, [](const LayerSpec& layer) { return layer.mlp.mixture.has_value(); });
  if (!sparse.mixture || is_used) return {};
  return fail("{} is {}, and no layer has a router.", source.file().describe("expert_count"),
              sparse.mixture->experts);
}

Result<void> read_output(Source& source, ModelSpec& spec) {
  WEFT_ASSIGN(spec.output_norm, source.vector("output_norm.weight", spec.embd));
  WEFT_ASSIGN(spec.output_norm_bias, source.vector_if_present("output_norm.bias", spec.embd));
  WEFT_ASSIGN(const bool has_head, source.has_tensor("output.weight"));
  WEFT_ASSIGN(spec.tied_output, source.flag_or("tied", !has_head));
  spec.output = spec.token_embd;
  if (spec.tied_output) {
    source.ignore("output.weight");
  } else {
    WEFT_ASSIGN(spec.output, source.matrix("output.weight", spec.vocab, spec.embd));
  }
  WEFT_ASSIGN(spec.output_bias, source.vector_if_present("output.bias", spec.vocab));
  return {};
}

}  // namespace

std::span<const std::string_view> decoder_keys() { return kKeys; }

Result<void> expect_flag(const Source& source, std::string_view key, bool value) {
  WEFT_ASSIGN(const bool found, source.flag_or(key, value));
  if (found == value) return {};
  return fail("{} is {}, and only {} is supported.", source.file().describe(key), found, value);
}

Result<bool> is_sliding(const Source& source, uint32_t layer, bool otherwise) {
  const nlohmann::json* config = source.file().config();
  const bool has_types = config != nullptr && config->contains("layer_types");
  const nlohmann::json types = has_types ? config->at("layer_types") : nlohmann::json();
  if (types.is_null()) {
    return source.has(kPattern) ? is_sliding_by_pattern(source, layer) : otherwise;
  }
  if (!types.is_array() || layer >= types.size() || !types[layer].is_string()) {
    return fail("Field 'layer_types' of 'config.json' has no text for layer {}.", layer);
  }
  const std::string type = types[layer];
  if (type == "full_attention" || type == "sliding_attention") return type != "full_attention";
  return fail("Layer {} is of the type {}, and 'full_attention' and 'sliding_attention' are known.",
              layer, quote(type));
}

Result<bool> rotates(const Source& source, uint32_t layer) {
  constexpr uint32_t kInterval = 4;
  const nlohmann::json* config = source.file().config();
  if (config == nullptr) return (layer + 1) % kInterval != 0;
  const nlohmann::json list = config->value("no_rope_layers", nlohmann::json());
  if (list.is_null() || list.empty()) {
    const nlohmann::json interval = config->value("no_rope_layer_interval", nlohmann::json());
    if (interval.is_null()) return (layer + 1) % kInterval != 0;
    if (interval.is_number_unsigned() && interval != 0)
      return (layer + 1) % interval.get<uint64_t>() != 0;
    return fail(
        "Field 'no_rope_layer_interval' of 'config.json' is {}, and a number above 0 was wanted.",
        quote(interval.dump()));
  }
  if (!list.is_array() || layer >= list.size() || !list[layer].is_number_unsigned()) {
    return fail("Field 'no_rope_layers' of 'config.json' has no number for layer {}.", layer);
  }
  return list[layer] != 0;
}

Result<ModelSpec> read_decoder(Source& source, const Recipe& recipe) {
  ModelSpec spec{.norm = recipe.norm};
  WEFT_ASSIGN(spec.context, source.count("context_length", kAny));
  WEFT_ASSIGN(spec.embd, source.count("embedding_length", kAny));
  const std::string_view usual_eps = recipe.norm == NormKind::kRms
                                         ? "attention.layer_norm_rms_epsilon"
                                         : "attention.layer_norm_epsilon";
  WEFT_ASSIGN(spec.norm_eps, source.positive(recipe.eps_key.empty() ? usual_eps : recipe.eps_key));
  WEFT_ASSIGN(spec.vocab, read_vocab(source));
  WEFT_ASSIGN(spec.token_embd, source.matrix("token_embd.weight", spec.vocab, spec.embd));
  WEFT_TRY(read_layers(source, recipe, spec));
  WEFT_TRY(read_output(source, spec));
  return spec;
}

}  // namespace weft::model
