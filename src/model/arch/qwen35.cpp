// Qwen3-Next and Qwen 3.5: Qwen 3 with a gate on attention's result and RoPE over a quarter of each
// head; three layers of four have Gated DeltaNet in place of attention. The first and the larger
// ones of the second have mixtures in place of MLPs. Hugging Face files have w where the norm
// multiplies by 1 + w; GGUF's converter adds the 1, takes exp of A_log, and sorts the heads of v of
// Qwen 3.5. Tensors for images and for guessing tokens ahead (mtp) are left out.
#include <algorithm>

#include "model/arch/arch.h"
#include "model/arch/decoder.h"
#include "model/arch/delta_net.h"
#include "model/arch/made_weights.h"

namespace weft::model {
namespace {

constexpr std::string_view kDenseNames[] = {"Qwen3_5ForCausalLM",
                                            "Qwen3_5ForConditionalGeneration"};
constexpr std::string_view kSparseNames[] = {"Qwen3_5MoeForCausalLM",
                                             "Qwen3_5MoeForConditionalGeneration"};
constexpr std::string_view kNextNames[] = {"Qwen3NextForCausalLM"};
constexpr std::string_view kKeys[] = {
    "ssm.conv_kernel",         "ssm.state_size",       "ssm.group_count",
    "ssm.time_step_rank",      "ssm.inner_size",       "ssm.value_dim",
    "full_attention_interval", "nextn_predict_layers", "attention.recurrent_layers",
    "attention.output_gate",   "expert_weights_norm",  "expert_shared_feed_forward_length",
    "rope.dimension_sections"};  // rope.cpp says why not to read
constexpr HfName kFields[] = {
    {"ssm.conv_kernel", "linear_conv_kernel_dim"},
    {"ssm.state_size", "linear_key_head_dim"},
    {"ssm.value_dim", "linear_value_head_dim"},
    {"ssm.group_count", "linear_num_key_heads"},
    {"ssm.time_step_rank", "linear_num_value_heads"},
    {"full_attention_interval", "full_attention_interval"},
    {"attention.output_gate", "attn_output_gate"},
    {"expert_weights_norm", "norm_topk_prob"},
    {"expert_count", "num_experts"},
    {"expert_shared_feed_forward_length", "shared_expert_intermediate_size"},
    {"", "decoder_sparse_step"},  // which layers have routers
    {"", "mlp_only_layers"},      // likewise
    {"", "mamba_ssm_dtype"},
    {"", "mtp_num_hidden_layers"},
    {"", "mtp_use_dedicated_embeddings"},
    {"", "image_token_id"},
    {"", "video_token_id"},
    {"", "vision_start_token_id"},
    {"", "vision_end_token_id"}};
constexpr HfName kTensors[] = {
    {"blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.attn_qkv", "model.layers.{}.linear_attn.in_proj_qkv"},
    {"blk.{}.attn_gate", "model.layers.{}.linear_attn.in_proj_z"},
    {"blk.{}.ssm_in", "model.layers.{}.linear_attn.in_proj_qkvz"},
    {"blk.{}.ssm_beta", "model.layers.{}.linear_attn.in_proj_b"},
    {"blk.{}.ssm_alpha", "model.layers.{}.linear_attn.in_proj_a"},
    {"blk.{}.ssm_ba", "model.layers.{}.linear_attn.in_proj_ba"},
    {"blk.{}.ssm_conv1d", "model.layers.{}.linear_attn.conv1d"},
    {"blk.{}.ssm_a", "model.layers.{}.linear_attn.A_log"},
    {"blk.{}.ssm_dt.bias", "model.layers.{}.linear_attn.dt_bias"},
    {"blk.{}.ssm_norm", "model.layers.{}.linear_attn.norm"},
    {"blk.{}.ssm_out", "model.layers.{}.linear_attn.out_proj"},
    {"blk.{}.ffn_gate_up_exps.weight", "model.layers.{}.mlp.experts.gate_up_proj"},
    {"blk.{}.ffn_down_exps.weight", "model.layers.{}.mlp.experts.down_proj"},
    {"blk.{}.ffn_gate_inp_shexp", "model.layers.{}.mlp.shared_expert_gate"},
    {"blk.{}.ffn_gate_shexp", "model.layers.{}.mlp.shared_expert.gate_proj"},
    {"blk.{}.ffn_up_shexp", "model.layers.{}.mlp.shared_expert.up_proj"},
    {"blk.{}.ffn_down_shexp", "model.layers.{}.mlp.shared_expert.down_proj"}};
constexpr std::string_view kIgnored[] = {"mtp.", "model.visual."};

template <KeyHeads kOfGguf>
Result<bool> read_mixer(Source& source, uint32_t layer, const ModelSpec& spec, LayerSpec& out) {
  return read_delta_net(source, layer, spec, out, kOfGguf);
}

Result<ModelSpec> read_hybrid(Source& source, MixerReader mixer, std::optional<Routing> routing) {
  WEFT_TRY(expect_flag(source, "attention.output_gate", true));
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, {.rope_part = 0.25F,
                                                    .ffn_norm = "post_attention_norm",
                                                    .attn_gate = true,
                                                    .read_mixer = mixer,
                                                    .qk_norm = QkNorm::kHead,
                                                    .routing = routing}));
  const auto is_recurrent = [](const LayerSpec& layer) { return layer.delta_net.has_value(); };
  if (std::ranges::all_of(spec.layers, is_recurrent)) return fail("No layer has attention.");
  if (!source.is_gguf()) WEFT_TRY(add_one_to_norms(source, spec));
  return spec;
}

Result<ModelSpec> read_dense(Source& source) {
  return read_hybrid(source, read_mixer<KeyHeads::kTiled>, {});
}

Result<ModelSpec> read_sparse(Source& source) {
  return read_hybrid(source, read_mixer<KeyHeads::kTiled>, Routing{.shared = true});
}

Result<ModelSpec> read_next(Source& source) {
  WEFT_ASSIGN(const bool normalized, source.flag_or("expert_weights_norm", true));
  return read_hybrid(source, read_mixer<KeyHeads::kGrouped>,
                     Routing{.normalized = normalized, .shared = true});
}

constexpr HfLayout kLayout{.fields = kFields,
                           .tensors = kTensors,
                           .ignored_tensors = kIgnored,
                           .text_part = "model.language_model."};

}  // namespace

constinit const Architecture kQwen35{.gguf = "qwen35",
                                     .hf = kDenseNames,
                                     .read = read_dense,
                                     .keys = kKeys,
                                     .layout = kLayout,
                                     .gguf_rows = {.norm_offset = 1, .deals_v_heads = true}};

constinit const Architecture kQwen35Moe{.gguf = "qwen35moe",
                                        .hf = kSparseNames,
                                        .read = read_sparse,
                                        .keys = kKeys,
                                        .layout = kLayout,
                                        .gguf_rows = {.norm_offset = 1, .deals_v_heads = true},
                                        .fuses_experts = FusedRows::kHalves};

constinit const Architecture kQwen3Next{.gguf = "qwen3next",
                                        .hf = kNextNames,
                                        .read = read_next,
                                        .keys = kKeys,
                                        .layout = kLayout,
                                        .gguf_rows = {.norm_offset = 1}};

}  // namespace weft::model
