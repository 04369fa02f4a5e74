// StarCoder 2: layer norms, biases everywhere, GELU without a gate, sliding windows.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"Starcoder2ForCausalLM"};
constexpr HfName kFields[] = {{"attention.layer_norm_epsilon", "norm_epsilon"}};
constexpr HfName kTensors[] = {{"blk.{}.ffn_up", "model.layers.{}.mlp.c_fc"},
                               {"blk.{}.ffn_down", "model.layers.{}.mlp.c_proj"}};

Result<ModelSpec> read(Source& source) {
  return read_decoder(
      source, {.norm = NormKind::kLayer, .activation = Activation::kGeluTanh, .gated = false});
}

}  // namespace

constinit const Architecture kStarcoder2{.gguf = "starcoder2",
                                         .hf = kNames,
                                         .read = read,
                                         .layout = {.fields = kFields, .tensors = kTensors}};

}  // namespace weft::model
