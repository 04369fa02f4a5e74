// Phi 3.5 MoE: Phi 3 with layer norms, and mixtures whose routers are SparseMixers. GGUF files do
// not say so, but have the same weights.
#include <cmath>

#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"PhimoeForCausalLM", "PhiMoEForCausalLM"};
constexpr std::string_view kKeys[] = {"router_jitter"};
constexpr HfName kFields[] = {{"router_jitter", "router_jitter_noise"},
                              {"expert_feed_forward_length", "intermediate_size"},
                              {"", "input_jitter_noise"},  // of training
                              {"", "lm_head_bias"}};
constexpr HfName kTensors[] = {
    {"blk.{}.ffn_gate_inp", "model.layers.{}.block_sparse_moe.gate"},
    {"blk.{}.ffn_gate.{}", "model.layers.{}.block_sparse_moe.experts.{}.w1"},
    {"blk.{}.ffn_up.{}", "model.layers.{}.block_sparse_moe.experts.{}.w3"},
    {"blk.{}.ffn_down.{}", "model.layers.{}.block_sparse_moe.experts.{}.w2"}};

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(const float jitter, source.positive("router_jitter", kMixerReach / 2));
  if (std::abs(jitter - kMixerReach / 2) > 1e-6F) {
    return fail("{} is {}, and only {} is supported.", source.file().describe("router_jitter"),
                jitter, kMixerReach / 2);
  }
  return read_decoder(source,
                      {.norm = NormKind::kLayer,
                       .eps_key = "attention.layer_norm_rms_epsilon",
                       .routing = Routing{.router = Router::kSparseMixer, .normalized = false}});
}

}  // namespace

constinit const Architecture kPhiMoe{.gguf = "phimoe",
                                     .hf = kNames,
                                     .read = read,
                                     .keys = kKeys,
                                     .layout = {.fields = kFields, .tensors = kTensors}};

}  // namespace weft::model
