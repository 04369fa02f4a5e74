// GPT-2: layer norms, biases, learned positions instead of RoPE, GELU without a gate. Hugging Face
// files have its matrices transposed.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"GPT2LMHeadModel"};
constexpr std::string_view kKeys[] = {"scale_attn_weights", "scale_by_layer", "cross_attention"};
constexpr HfName kFields[] = {{"block_count", "n_layer"},
                              {"context_length", "n_positions"},
                              {"embedding_length", "n_embd"},
                              {"attention.head_count", "n_head"},
                              {"feed_forward_length", "n_inner"},
                              {"scale_attn_weights", "scale_attn_weights"},
                              {"scale_by_layer", "scale_attn_by_inverse_layer_idx"},
                              {"cross_attention", "add_cross_attention"},
                              {"", "n_ctx"}};
constexpr HfName kTensors[] = {{"token_embd", "transformer.wte"},
                               {"position_embd", "transformer.wpe"},
                               {"output_norm", "transformer.ln_f"},
                               {"blk.{}.attn_norm", "transformer.h.{}.ln_1"},
                               {"blk.{}.attn_qkv", "transformer.h.{}.attn.c_attn"},
                               {"blk.{}.attn_output", "transformer.h.{}.attn.c_proj"},
                               {"blk.{}.ffn_norm", "transformer.h.{}.ln_2"},
                               {"blk.{}.ffn_up", "transformer.h.{}.mlp.c_fc"},
                               {"blk.{}.ffn_down", "transformer.h.{}.mlp.c_proj"}};
constexpr std::string_view kTransposed[] = {"blk.{}.attn_qkv", "blk.{}.attn_output",
                                            "blk.{}.ffn_up", "blk.{}.ffn_down"};
constexpr std::string_view kIgnored[] = {".attn.bias", ".attn.masked_bias"};

Result<ModelSpec> read(Source& source) {
  WEFT_TRY(expect_flag(source, "scale_attn_weights", true));
  WEFT_TRY(expect_flag(source, "scale_by_layer", false));
  WEFT_TRY(expect_flag(source, "cross_attention", false));
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, {.norm = NormKind::kLayer,
                                                    .rotates = false,
                                                    .activation = Activation::kGeluTanh,
                                                    .gated = false,
                                                    .ff_of_embd = 4}));
  WEFT_ASSIGN(spec.position_embd, source.matrix("position_embd.weight", spec.context, spec.embd));
  return spec;
}

}  // namespace

constinit const Architecture kGpt2{.gguf = "gpt2",
                                   .hf = kNames,
                                   .read = read,
                                   .keys = kKeys,
                                   .layout = {.fields = kFields,
                                              .tensors = kTensors,
                                              .ignored_tensors = kIgnored,
                                              .transposed = kTransposed}};

}  // namespace weft::model
