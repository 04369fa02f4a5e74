// Falcon: layer norms, GELU without a gate, attention and MLP side by side. 7B has one KV head and
// one norm a layer; the "new decoder" of 40B has several and a norm each for attention and MLP,
// which GGUF calls attn_norm_2 and attn_norm.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"FalconForCausalLM"};
constexpr std::string_view kKeys[] = {"new_decoder", "multi_query", "side_by_side", "alibi",
                                      "falcon.kv_heads"};
constexpr HfName kFields[] = {{"new_decoder", "new_decoder_architecture"},
                              {"multi_query", "multi_query"},
                              {"side_by_side", "parallel_attn"},
                              {"alibi", "alibi"},
                              {"falcon.kv_heads", "num_kv_heads"},
                              {"activation", "activation"},
                              {"feed_forward_length", "ffn_hidden_size"},
                              {"", "bias"},
                              {"", "num_ln_in_parallel_attn"}};
constexpr HfName kTensors[] = {
    {"token_embd", "transformer.word_embeddings"},
    {"output_norm", "transformer.ln_f"},
    {"blk.{}.attn_norm", "transformer.h.{}.input_layernorm"},
    {"blk.{}.attn_norm", "transformer.h.{}.ln_mlp"},
    {"blk.{}.attn_norm_2", "transformer.h.{}.ln_attn"},
    {"blk.{}.attn_qkv", "transformer.h.{}.self_attention.query_key_value"},
    {"blk.{}.attn_output", "transformer.h.{}.self_attention.dense"},
    {"blk.{}.ffn_up", "transformer.h.{}.mlp.dense_h_to_4h"},
    {"blk.{}.ffn_down", "transformer.h.{}.mlp.dense_4h_to_h"}};

// 0 where the file says it itself.
Result<uint32_t> kv_heads(const Source& source) {
  if (source.is_gguf()) return 0;
  WEFT_ASSIGN(const uint32_t heads, source.count("attention.head_count", kAny));
  WEFT_ASSIGN(const bool is_new, source.flag_or("new_decoder", false));
  if (is_new) return source.count("falcon.kv_heads", heads, heads);
  WEFT_ASSIGN(const bool shares, source.flag_or("multi_query", true));
  return shares ? 1 : heads;
}

Result<ModelSpec> read(Source& source) {
  WEFT_TRY(expect_flag(source, "side_by_side", true));
  WEFT_TRY(expect_flag(source, "alibi", false));
  Recipe recipe{.norm = NormKind::kLayer,
                .activation = Activation::kGelu,
                .gated = false,
                .parallel = true,
                .hf_qkv = QkvRows::kByKvHead,
                .ff_of_embd = 4};
  WEFT_ASSIGN(recipe.kv_heads, kv_heads(source));
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, recipe));
  for (uint32_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    const std::string name = fmt::format("blk.{}.attn_norm_2", i);
    WEFT_ASSIGN(const auto of_attention, source.vector_if_present(name + ".weight", spec.embd));
    if (!of_attention) continue;
    layer.ffn_norm = layer.attn_norm;
    layer.ffn_norm_bias = layer.attn_norm_bias;
    layer.attn_norm = of_attention;
    WEFT_ASSIGN(layer.attn_norm_bias, source.vector_if_present(name + ".bias", spec.embd));
  }
  return spec;
}

}  // namespace

constinit const Architecture kFalcon{.gguf = "falcon",
                                     .hf = kNames,
                                     .read = read,
                                     .keys = kKeys,
                                     .layout = {.fields = kFields, .tensors = kTensors},
                                     .gguf_rows = {.groups_qkv = true}};

}  // namespace weft::model
