// Granite: Llama with multipliers of embedding, residuals, attention scores and logits (which
// divides).
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

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, {.gguf_pairs = RopePairs::kAdjacent}));
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

}  // namespace weft::model
