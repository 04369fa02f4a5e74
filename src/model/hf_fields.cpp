#include "model/hf_fields.h"

#include <algorithm>

namespace weft::model {
namespace {

constexpr std::string_view kWithoutEffect[] = {
    // What it is, and how it is loaded.
    "architectures", "model_type", "torch_dtype", "dtype", "transformers_version", "_name_or_path",
    "_commit_hash", "auto_map", "tokenizer_class", "quantization_config", "cache_implementation",
    "_attn_implementation", "attn_implementation", "_attn_implementation_autoset",
    "unsloth_version", "unsloth_fixed",
    // Read with others: rope.cpp, arch/decoder.cpp.
    "rope_parameters", "rope_scaling", "layer_types",
    // Tensors say it.
    "attention_bias", "mlp_bias", "use_bias", "lm_head_bias",
    // Of splitting over devices and of rounding.
    "pretraining_tp", "attention_softmax_in_fp32", "scale_attention_softmax_in_fp32",
    "reorder_and_upcast_attn", "use_bfloat16",
    // Of training.
    "initializer_range", "attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop",
    "attn_pdrop", "residual_dropout", "embedding_dropout", "hidden_dropout_prob",
    "attention_probs_dropout_prob", "classifier_dropout", "gradient_checkpointing",
    "router_aux_loss_coef", "tf_legacy_loss", "finetuning_task",
    // Of other uses of the network, and of what a call gives back.
    "use_cache", "chunk_size_feed_forward", "is_encoder_decoder", "is_decoder",
    "tie_encoder_decoder", "output_attentions", "output_hidden_states", "output_router_logits",
    "return_dict", "id2label", "label2id", "problem_type", "task_specific_params", "torchscript",
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
    "summary_use_proj",
    // Of generating, from before there was generation_config.json.
    "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id",
    "model_max_length", "max_sequence_length", "do_sample", "max_length", "min_length",
    "temperature", "top_k", "top_p", "typical_p", "num_beams", "num_beam_groups",
    "diversity_penalty", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size", "early_stopping", "num_return_sequences", "output_scores",
    "return_dict_in_generate", "remove_invalid_values", "prefix", "bad_words_ids",
    "suppress_tokens", "begin_suppress_tokens", "forced_bos_token_id", "forced_eos_token_id",
    "exponential_decay_length_penalty"};

struct OnlyValue {
  std::string_view field;
  std::string_view json;
};
constexpr OnlyValue kOnlyValues[] = {
    {"add_cross_attention", "false"},
    {"pruned_heads", "{}"},
    {"is_causal", "true"},
    {"scale_attn_weights", "true"},
    {"apply_residual_connection_post_layernorm", "false"},  // Falcon
    {"interpolate_factor", "1"},                            // Phi 3.5 and 4
    {"full_attn_mod", "1"},
    {"mlp_type", R"("default")"},  // StarCoder 2
    {"norm_type", R"("layer_norm")"},
    {"rotary_scaling_factor", "1.0"},   // StableLM
    {"use_mrope", "false"},             // Qwen 2
    {"shared_intermediate_size", "0"},  // Granite MoE
};

}  // namespace

bool is_without_effect(std::string_view field) {
  return std::ranges::find(kWithoutEffect, field) != std::end(kWithoutEffect);
}

std::optional<nlohmann::json> only_value(std::string_view field) {
  const auto* found = std::ranges::find(kOnlyValues, field, &OnlyValue::field);
  if (found == std::end(kOnlyValues)) return std::nullopt;
  return nlohmann::json::parse(found->json);
}

}  // namespace weft::model
