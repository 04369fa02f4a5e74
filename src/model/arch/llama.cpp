// Everything that declares itself `llama`: Llama 1 to 3, Mistral, TinyLlama, SmolLM2, ...
// y = x + attention(rms_norm(x)); out = y + down(silu(gate(rms_norm(y))) * up(rms_norm(y))).
#include <cmath>
#include <limits>

#include "formats/dequantize.h"
#include "formats/quote.h"
#include "model/arch/arch.h"

namespace weft::model {
namespace {

constexpr uint32_t kAny = std::numeric_limits<uint32_t>::max();
constexpr uint32_t kMaxHeads = 1 << 14;  // heads * head_dim fits in 32 bits
constexpr uint32_t kMaxHeadDim = 1 << 14;

constexpr std::string_view kKnownKeys[] = {
    "block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size",
    "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.value_length", "attention.layer_norm_rms_epsilon", "attention.sliding_window",
    "expert_count", "expert_used_count", "rope.dimension_count", "rope.freq_base",
    "rope.scale_linear", "rope.scaling.type", "rope.scaling.factor",
    // These inform: the last two belong to scalings whose effect is in rope_freqs.weight.
    "tensor_data_layout", "rope.scaling.finetuned", "rope.scaling.original_context_length"};

// What positions are divided by. A factor counts unless the type says "none"; 0 is no factor.
Result<float> linear_factor(const GgufSource& source) {
  WEFT_ASSIGN(const auto type,
              source.file().get_string_or(source.key("rope.scaling.type"), "linear"));
  if (type == "none") return 1.0F;
  if (type != "linear") {
    return fail("Key {} is {}, and 'none' and 'linear' are supported.",
                formats::quote(source.key("rope.scaling.type")), formats::quote(type));
  }
  for (const std::string_view suffix : {"rope.scaling.factor", "rope.scale_linear"}) {
    WEFT_ASSIGN(const float raw, source.file().get_f32_or(source.key(suffix), 0));
    if (raw != 0) return source.positive(suffix);
  }
  return 1.0F;
}

Result<Rope> read_rope(GgufSource& source, uint32_t head_dim) {
  Rope rope{.pairs = RopePairs::kAdjacent};
  WEFT_ASSIGN(rope.dims, source.count("rope.dimension_count", head_dim, head_dim));
  if (rope.dims % 2 != 0) {
    return fail("Key {} is {}, and an even number was wanted.",
                formats::quote(source.key("rope.dimension_count")), rope.dims);
  }
  WEFT_ASSIGN(const float base, source.positive("rope.freq_base", 10000.0F));
  WEFT_ASSIGN(const float linear, linear_factor(source));
  const uint32_t pairs = rope.dims / 2;
  std::vector<float> factors(pairs, 1.0F);  // Llama 3.1's scaling, worked out by the converter
  WEFT_ASSIGN(const auto stored, source.vector_if_present("rope_freqs.weight", pairs));
  if (stored) WEFT_TRY(dequantize(stored->tensor.type, stored->tensor.data, factors));
  for (uint32_t i = 0; i < pairs; ++i) {
    if (!std::isfinite(factors[i]) || factors[i] <= 0) {
      return fail(
          "Element {} of tensor 'rope_freqs.weight' is {}, and a finite number above 0 was "
          "wanted.",
          i, factors[i]);
    }
    const double inv_freq =
        std::pow(static_cast<double>(base), -2.0 * i / rope.dims) / linear / factors[i];
    rope.inv_freq.push_back(static_cast<float>(inv_freq));
    if (!std::isfinite(rope.inv_freq.back())) {
      return fail("The RoPE base {} and factor {} turn pair {} infinitely fast.", base, linear, i);
    }
  }
  return rope;
}

Result<Attention> read_attention(GgufSource& source, uint32_t embd) {
  Attention attention{};
  WEFT_ASSIGN(attention.n_heads, source.count("attention.head_count", kMaxHeads));
  WEFT_ASSIGN(attention.n_kv_heads,
              source.count("attention.head_count_kv", kMaxHeads, attention.n_heads));
  if (attention.n_heads % attention.n_kv_heads != 0) {
    return fail("There are {} heads and {} KV heads, which do not divide them.", attention.n_heads,
                attention.n_kv_heads);
  }
  if (!source.has("attention.key_length") && embd % attention.n_heads != 0) {
    return fail("The embedding of {} is not divided by {} heads, and key {} is missing.", embd,
                attention.n_heads, formats::quote(source.key("attention.key_length")));
  }
  WEFT_ASSIGN(attention.head_dim,
              source.count("attention.key_length", kMaxHeadDim, embd / attention.n_heads));
  WEFT_ASSIGN(const uint32_t value_dim,
              source.count("attention.value_length", kMaxHeadDim, attention.head_dim));
  if (value_dim != attention.head_dim) {
    return fail("Key {} is {}, and the key length is {}: only equal lengths are supported.",
                formats::quote(source.key("attention.value_length")), value_dim,
                attention.head_dim);
  }
  WEFT_ASSIGN(attention.rope, read_rope(source, attention.head_dim));
  attention.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(attention.head_dim)));
  return attention;
}

Result<LayerSpec> read_layer(GgufSource& source, uint32_t index, const ModelSpec& spec,
                             const Attention& attention, const Mlp& mlp) {
  const uint32_t q_rows = attention.n_heads * attention.head_dim;
  const uint32_t kv_rows = attention.n_kv_heads * attention.head_dim;
  const auto name = [index](std::string_view role) {
    return fmt::format("blk.{}.{}", index, role);
  };

  LayerSpec layer{.attention = attention, .mlp = mlp};
  WEFT_ASSIGN(layer.attn_norm, source.vector(name("attn_norm.weight"), spec.embd));
  WEFT_ASSIGN(layer.attn_q, source.matrix(name("attn_q.weight"), q_rows, spec.embd));
  WEFT_ASSIGN(layer.attn_k, source.matrix(name("attn_k.weight"), kv_rows, spec.embd));
  WEFT_ASSIGN(layer.attn_v, source.matrix(name("attn_v.weight"), kv_rows, spec.embd));
  WEFT_ASSIGN(layer.attn_q_bias, source.vector_if_present(name("attn_q.bias"), q_rows));
  WEFT_ASSIGN(layer.attn_k_bias, source.vector_if_present(name("attn_k.bias"), kv_rows));
  WEFT_ASSIGN(layer.attn_v_bias, source.vector_if_present(name("attn_v.bias"), kv_rows));
  WEFT_ASSIGN(layer.attn_output, source.matrix(name("attn_output.weight"), spec.embd, q_rows));
  WEFT_ASSIGN(layer.attn_output_bias,
              source.vector_if_present(name("attn_output.bias"), spec.embd));
  WEFT_ASSIGN(layer.ffn_norm, source.vector(name("ffn_norm.weight"), spec.embd));
  WEFT_ASSIGN(layer.ffn_gate, source.matrix(name("ffn_gate.weight"), mlp.ff, spec.embd));
  WEFT_ASSIGN(layer.ffn_up, source.matrix(name("ffn_up.weight"), mlp.ff, spec.embd));
  WEFT_ASSIGN(layer.ffn_down, source.matrix(name("ffn_down.weight"), spec.embd, mlp.ff));
  WEFT_ASSIGN(layer.ffn_gate_bias, source.vector_if_present(name("ffn_gate.bias"), mlp.ff));
  WEFT_ASSIGN(layer.ffn_up_bias, source.vector_if_present(name("ffn_up.bias"), mlp.ff));
  WEFT_ASSIGN(layer.ffn_down_bias, source.vector_if_present(name("ffn_down.bias"), spec.embd));
  return layer;
}

// The vocabulary's size by the embedding's rows, which key and tokenizer must agree with.
Result<uint32_t> read_vocab(const GgufSource& source) {
  const formats::TensorView* embedding = source.file().find_tensor("token_embd.weight");
  if (embedding == nullptr) return fail("Tensor 'token_embd.weight' is missing.");
  const uint64_t rows = embedding->dims[1];
  if (rows > kAny) return fail("Tensor 'token_embd.weight' has {} rows, and {} fit.", rows, kAny);
  const auto vocab = static_cast<uint32_t>(rows);
  WEFT_ASSIGN(const uint32_t declared, source.count("vocab_size", kAny, vocab));
  if (declared != vocab) {
    return fail("Key {} is {}, and tensor 'token_embd.weight' has {} rows.",
                formats::quote(source.key("vocab_size")), declared, vocab);
  }
  const formats::GgufValue* tokens = source.file().find("tokenizer.ggml.tokens");
  if (tokens != nullptr && tokens->count != vocab) {
    return fail(
        "Key 'tokenizer.ggml.tokens' has {} tokens, and tensor 'token_embd.weight' has {} "
        "rows.",
        tokens->count, vocab);
  }
  return vocab;
}

// Keys that turn on what is not implemented.
Result<void> refuse_unsupported(const GgufSource& source, uint32_t context) {
  WEFT_ASSIGN(const uint32_t experts, source.file().get_u32_or(source.key("expert_count"), 0));
  if (experts > 0) {
    return fail("Key {} is {}: mixtures of experts are not supported.",
                formats::quote(source.key("expert_count")), experts);
  }
  WEFT_ASSIGN(const uint32_t window,
              source.file().get_u32_or(source.key("attention.sliding_window"), 0));
  if (window > 0 && window < context) {
    return fail("Key {} is {}, below the context of {}: sliding windows are not supported.",
                formats::quote(source.key("attention.sliding_window")), window, context);
  }
  return {};
}

}  // namespace

Result<ModelSpec> llama_from_gguf(GgufSource& source) {
  WEFT_TRY(source.expect_only_keys(kKnownKeys));
  ModelSpec spec{.norm = NormKind::kRms};
  WEFT_ASSIGN(spec.context, source.count("context_length", kAny));
  WEFT_TRY(refuse_unsupported(source, spec.context));
  WEFT_ASSIGN(spec.embd, source.count("embedding_length", kAny));
  WEFT_ASSIGN(spec.norm_eps, source.positive("attention.layer_norm_rms_epsilon"));
  WEFT_ASSIGN(spec.vocab, read_vocab(source));
  WEFT_ASSIGN(spec.token_embd, source.matrix("token_embd.weight", spec.vocab, spec.embd));

  WEFT_ASSIGN(const uint32_t n_layers, source.count("block_count", kAny));
  WEFT_ASSIGN(const Attention attention, read_attention(source, spec.embd));
  Mlp mlp{.activation = Activation::kSilu};
  WEFT_ASSIGN(mlp.ff, source.count("feed_forward_length", kAny));
  for (uint32_t i = 0; i < n_layers; ++i) {
    WEFT_ASSIGN(LayerSpec layer, read_layer(source, i, spec, attention, mlp));
    spec.layers.push_back(std::move(layer));
  }

  WEFT_ASSIGN(spec.output_norm, source.vector("output_norm.weight", spec.embd));
  spec.tied_output = source.file().find_tensor("output.weight") == nullptr;
  spec.output = spec.token_embd;
  if (!spec.tied_output) {
    WEFT_ASSIGN(spec.output, source.matrix("output.weight", spec.vocab, spec.embd));
  }
  WEFT_TRY(source.expect_no_more_tensors());
  return spec;
}

}  // namespace weft::model
