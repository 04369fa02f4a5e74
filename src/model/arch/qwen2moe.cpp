// Qwen 2 MoE, and Qwen 1.5 MoE: Qwen 2 with mixtures in place of MLPs, beside which a shared expert
// counts as much as its own gate says.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"Qwen2MoeForCausalLM"};
constexpr std::string_view kKeys[] = {"uses_sliding_window", "expert_weights_norm",
                                      "expert_shared_feed_forward_length"};
constexpr HfName kFields[] = {
    {"uses_sliding_window", "use_sliding_window"},
    {"expert_weights_norm", "norm_topk_prob"},
    {"expert_count", "num_experts"},
    {"expert_shared_feed_forward_length", "shared_expert_intermediate_size"},
    {"", "max_window_layers"},    // layer_types says which
    {"", "decoder_sparse_step"},  // which layers have routers
    {"", "mlp_only_layers"},
    {"", "qkv_bias"}};
constexpr HfName kTensors[] = {
    {"blk.{}.ffn_gate_inp_shexp", "model.layers.{}.mlp.shared_expert_gate"},
    {"blk.{}.ffn_gate_shexp", "model.layers.{}.mlp.shared_expert.gate_proj"},
    {"blk.{}.ffn_up_shexp", "model.layers.{}.mlp.shared_expert.up_proj"},
    {"blk.{}.ffn_down_shexp", "model.layers.{}.mlp.shared_expert.down_proj"}};

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(const bool normalized, source.flag_or("expert_weights_norm", false));
  WEFT_ASSIGN(ModelSpec spec,
              read_decoder(source, {.routing = Routing{.normalized = normalized, .shared = true}}));
  WEFT_TRY(keep_windows(source, spec, [](uint32_t) { return true; }));
  return spec;
}

}  // namespace

constinit const Architecture kQwen2Moe{.gguf = "qwen2moe",
                                       .hf = kNames,
                                       .read = read,
                                       .keys = kKeys,
                                       .layout = {.fields = kFields, .tensors = kTensors}};

}  // namespace weft::model
