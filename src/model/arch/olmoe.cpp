// OLMoE: Llama with norms of q and k over all heads, and mixtures whose scores are not normalised.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"OlmoeForCausalLM"};
constexpr std::string_view kKeys[] = {"expert_weights_norm"};
constexpr HfName kFields[] = {{"expert_weights_norm", "norm_topk_prob"},
                              {"expert_count", "num_experts"},
                              {"expert_feed_forward_length", "intermediate_size"}};

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(const bool normalized, source.flag_or("expert_weights_norm", false));
  return read_decoder(source,
                      {.qk_norm = QkNorm::kWhole, .routing = Routing{.normalized = normalized}});
}

}  // namespace

constinit const Architecture kOlmoe{
    .gguf = "olmoe", .hf = kNames, .read = read, .keys = kKeys, .layout = {.fields = kFields}};

}  // namespace weft::model
