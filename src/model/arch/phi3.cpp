// Phi 3, 3.5 and 4: Llama with q, k and v in one tensor, gate and up in another, and longrope.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"Phi3ForCausalLM"};
constexpr HfName kTensors[] = {{"blk.{}.ffn_up", "model.layers.{}.mlp.gate_up_proj"}};

Result<ModelSpec> read(Source& source) { return read_decoder(source, {}); }

}  // namespace

constinit const Architecture kPhi3{
    .gguf = "phi3", .hf = kNames, .read = read, .layout = {.tensors = kTensors}};

}  // namespace weft::model
