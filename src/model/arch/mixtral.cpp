// Mixtral: Mistral with mixtures in place of MLPs. Its GGUF files say that they are `llama`.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"MixtralForCausalLM"};
constexpr HfName kFields[] = {{"expert_feed_forward_length", "intermediate_size"},
                              {"", "router_jitter_noise"}};  // of training
constexpr HfName kTensors[] = {
    {"blk.{}.ffn_gate_inp", "model.layers.{}.block_sparse_moe.gate"},
    {"blk.{}.ffn_gate.{}", "model.layers.{}.block_sparse_moe.experts.{}.w1"},
    {"blk.{}.ffn_up.{}", "model.layers.{}.block_sparse_moe.experts.{}.w3"},
    {"blk.{}.ffn_down.{}", "model.layers.{}.block_sparse_moe.experts.{}.w2"}};

Result<ModelSpec> read(Source& source) { return read_decoder(source, {.routing = Routing{}}); }

}  // namespace

constinit const Architecture kMixtral{.gguf = "llama",
                                      .hf = kNames,
                                      .read = read,
                                      .layout = {.fields = kFields, .tensors = kTensors},
                                      .gguf_rows = {.permutes_qk = true}};

}  // namespace weft::model
