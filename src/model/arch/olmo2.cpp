// OLMo 2: norms behind attention and MLP and none before, and norms of all of q and all of k.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"Olmo2ForCausalLM"};
constexpr HfName kTensors[] = {
    {"blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.post_ffw_norm", "model.layers.{}.post_feedforward_layernorm"}};

Result<ModelSpec> read(Source& source) {
  return read_decoder(source, {.pre_norms = false, .post_norms = true, .qk_norm = QkNorm::kWhole});
}

}  // namespace

constinit const Architecture kOlmo2{
    .gguf = "olmo2", .hf = kNames, .read = read, .layout = {.tensors = kTensors}};

}  // namespace weft::model
