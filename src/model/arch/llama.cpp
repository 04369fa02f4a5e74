// Everything that declares itself `llama`: Llama 1 to 3, Mistral, TinyLlama, SmolLM2, Mixtral, ...
// y = x + attention(rms_norm(x)); out = y + down(silu(gate(rms_norm(y))) * up(rms_norm(y))).
// GGUF's converter permutes the rows of q and k, so that RoPE turns neighbours.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"LlamaForCausalLM", "MistralForCausalLM"};

Result<ModelSpec> read(Source& source) {
  return read_decoder(source, {.gguf_pairs = RopePairs::kAdjacent, .routing = Routing{}});
}

}  // namespace

constinit const Architecture kLlama{
    .gguf = "llama", .hf = kNames, .read = read, .gguf_rows = {.permutes_qk = true}};

}  // namespace weft::model
