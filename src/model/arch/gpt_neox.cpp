// GPT-NeoX and Pythia: layer norms, biases, RoPE over a part of each head, GELU without a gate, and
// mostly attention and MLP side by side. q, k and v of a head are neighbours in one tensor.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"GPTNeoXForCausalLM"};
constexpr std::string_view kKeys[] = {"use_parallel_residual"};
constexpr HfName kFields[] = {{"use_parallel_residual", "use_parallel_residual"},
                              {"rope.part", "rotary_pct"},
                              {"rope.freq_base", "rotary_emb_base"},
                              {"", "classifier_dropout"},
                              {"", "is_decoder"}};
constexpr HfName kTensors[] = {{"token_embd", "gpt_neox.embed_in"},
                               {"output_norm", "gpt_neox.final_layer_norm"},
                               {"output", "embed_out"},
                               {"blk.{}.attn_norm", "gpt_neox.layers.{}.input_layernorm"},
                               {"blk.{}.attn_qkv", "gpt_neox.layers.{}.attention.query_key_value"},
                               {"blk.{}.attn_output", "gpt_neox.layers.{}.attention.dense"},
                               {"blk.{}.ffn_norm", "gpt_neox.layers.{}.post_attention_layernorm"},
                               {"blk.{}.ffn_up", "gpt_neox.layers.{}.mlp.dense_h_to_4h"},
                               {"blk.{}.ffn_down", "gpt_neox.layers.{}.mlp.dense_4h_to_h"}};
constexpr std::string_view kIgnored[] = {".attention.bias", ".attention.masked_bias",
                                         ".rotary_emb.inv_freq"};

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(const bool parallel, source.flag_or("use_parallel_residual", true));
  return read_decoder(source, {.norm = NormKind::kLayer,
                               .rope_part = 0.25F,
                               .activation = Activation::kGelu,
                               .gated = false,
                               .parallel = parallel,
                               .hf_qkv = QkvRows::kByKvHead});
}

}  // namespace

constinit const Architecture kGptNeox{
    .gguf = "gptneox",
    .hf = kNames,
    .read = read,
    .keys = kKeys,
    .layout = {.fields = kFields, .tensors = kTensors, .ignored_tensors = kIgnored},
    .gguf_rows = {.groups_qkv = true}};

}  // namespace weft::model
