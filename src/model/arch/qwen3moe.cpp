// Qwen 3 MoE: Qwen 3 with mixtures in place of MLPs.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"Qwen3MoeForCausalLM"};
constexpr std::string_view kKeys[] = {"uses_sliding_window", "expert_weights_norm"};
constexpr HfName kFields[] = {{"uses_sliding_window", "use_sliding_window"},
                              {"expert_weights_norm", "norm_topk_prob"},
                              {"expert_count", "num_experts"},
                              {"", "max_window_layers"},    // layer_types says which
                              {"", "decoder_sparse_step"},  // which layers have routers
                              {"", "mlp_only_layers"}};

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(const bool normalized, source.flag_or("expert_weights_norm", source.is_gguf()));
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, {.qk_norm = QkNorm::kHead,
                                                    .routing = Routing{.normalized = normalized}}));
  WEFT_TRY(keep_windows(source, spec, [](uint32_t) { return true; }));
  return spec;
}

}  // namespace

constinit const Architecture kQwen3Moe{
    .gguf = "qwen3moe", .hf = kNames, .read = read, .keys = kKeys, .layout = {.fields = kFields}};

}  // namespace weft::model
