// GPT-J: layer norms, one for attention and MLP side by side, RoPE over neighbouring elements of a
// part of each head, GELU without a gate, biases of the MLP and of the head.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"GPTJForCausalLM"};
constexpr std::string_view kKeys[] = {"scale_attn_weights"};
constexpr HfName kFields[] = {{"block_count", "n_layer"},
                              {"context_length", "n_positions"},
                              {"embedding_length", "n_embd"},
                              {"attention.head_count", "n_head"},
                              {"feed_forward_length", "n_inner"},
                              {"rope.dimension_count", "rotary_dim"},
                              {"scale_attn_weights", "scale_attn_weights"},
                              {"", "gradient_checkpointing"},
                              {"", "rotary"},
                              {"", "tokenizer_class"}};
constexpr HfName kTensors[] = {{"token_embd", "transformer.wte"},
                               {"output_norm", "transformer.ln_f"},
                               {"blk.{}.attn_norm", "transformer.h.{}.ln_1"},
                               {"blk.{}.attn_q", "transformer.h.{}.attn.q_proj"},
                               {"blk.{}.attn_k", "transformer.h.{}.attn.k_proj"},
                               {"blk.{}.attn_v", "transformer.h.{}.attn.v_proj"},
                               {"blk.{}.attn_output", "transformer.h.{}.attn.out_proj"},
                               {"blk.{}.ffn_up", "transformer.h.{}.mlp.fc_in"},
                               {"blk.{}.ffn_down", "transformer.h.{}.mlp.fc_out"}};
constexpr std::string_view kIgnored[] = {".attn.bias", ".attn.masked_bias"};

Result<ModelSpec> read(Source& source) {
  WEFT_TRY(expect_flag(source, "scale_attn_weights", true));
  WEFT_TRY(source.count("rope.dimension_count", kAny));  // must be there
  return read_decoder(source, {.norm = NormKind::kLayer,
                               .gguf_pairs = RopePairs::kAdjacent,
                               .hf_pairs = RopePairs::kAdjacent,
                               .activation = Activation::kGeluTanh,
                               .gated = false,
                               .parallel = true,
                               .ff_of_embd = 4});
}

}  // namespace

constinit const Architecture kGptJ{
    .gguf = "gptj",
    .hf = kNames,
    .read = read,
    .keys = kKeys,
    .layout = {.fields = kFields, .tensors = kTensors, .ignored_tensors = kIgnored}};

}  // namespace weft::model
