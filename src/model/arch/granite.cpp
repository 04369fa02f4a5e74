// Granite: Llama with multipliers of embedding, residuals, attention scores and logits (which
// divides). Granite MoE: the same with mixtures in place of MLPs.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"GraniteForCausalLM"};
constexpr std::string_view kKeys[] = {"embedding_scale", "residual_scale", "logit_scale"};
constexpr HfName kFields[] = {{"embedding_scale", "embedding_multiplier"},
                              {"residual_scale", "residual_multiplier"},
                              {"attention.scale", "attention_multiplier"},
                              {"logit_scale", "logits_scaling"}};

constexpr std::string_view kMoeNames[] = {"GraniteMoeForCausalLM"};
constexpr HfName kMoeFields[] = {{"embedding_scale", "embedding_multiplier"},
                                 {"residual_scale", "residual_multiplier"},
                                 {"attention.scale", "attention_multiplier"},
                                 {"logit_scale", "logits_scaling"},
                                 {"expert_feed_forward_length", "intermediate_size"}};
constexpr HfName kMoeTensors[] = {
    {"blk.{}.ffn_gate_inp", "model.layers.{}.block_sparse_moe.router.layer"},
    {"blk.{}.ffn_gate_up_exps", "model.layers.{}.block_sparse_moe.input_linear"},
    {"blk.{}.ffn_down_exps", "model.layers.{}.block_sparse_moe.output_linear"}};

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(ModelSpec spec,
              read_decoder(source, {.gguf_pairs = RopePairs::kAdjacent, .routing = Routing{}}));
  WEFT_ASSIGN(spec.embedding_scale, source.positive("embedding_scale", 1.0F));
  WEFT_ASSIGN(spec.residual_scale, source.positive("residual_scale", 1.0F));
  WEFT_ASSIGN(const float divisor, source.positive("logit_scale", 1.0F));
  spec.logit_scale = 1 / divisor;
  return spec;
}

}  // namespace

constinit const Architecture kGranite{.gguf = "granite",
                                      .hf = kNames,
                                      .read = read,
                                      .keys = kKeys,
                                      .layout = {.fields = kFields},
                                      .gguf_rows = {.permutes_qk = true}};

constinit const Architecture kGraniteMoe{.gguf = "granitemoe",
                                         .hf = kMoeNames,
                                         .read = read,
                                         .keys = kKeys,
                                         .layout = {.fields = kMoeFields, .tensors = kMoeTensors},
                                         .gguf_rows = {.permutes_qk = true},
                                         .fuses_experts = FusedRows::kHalves};

}  // namespace weft::model
