// Phi 1 to 2: layer norms, biases everywhere, RoPE over a part of each head, GELU without a gate,
// and one norm for attention and MLP side by side.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"PhiForCausalLM"};
constexpr std::string_view kKeys[] = {"qk_layernorm"};
constexpr HfName kFields[] = {{"qk_layernorm", "qk_layernorm"}};
constexpr HfName kTensors[] = {{"output_norm", "model.final_layernorm"},
                               {"blk.{}.attn_output", "model.layers.{}.self_attn.dense"},
                               {"blk.{}.ffn_up", "model.layers.{}.mlp.fc1"},
                               {"blk.{}.ffn_down", "model.layers.{}.mlp.fc2"}};

Result<ModelSpec> read(Source& source) {
  WEFT_TRY(expect_flag(source, "qk_layernorm", false));
  return read_decoder(source, {.norm = NormKind::kLayer,
                               .rope_part = 0.5F,
                               .activation = Activation::kGeluTanh,
                               .gated = false,
                               .parallel = true});
}

}  // namespace

constinit const Architecture kPhi2{.gguf = "phi2",
                                   .hf = kNames,
                                   .read = read,
                                   .keys = kKeys,
                                   .layout = {.fields = kFields, .tensors = kTensors}};

}  // namespace weft::model
