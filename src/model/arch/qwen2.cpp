// Qwen 2 and 2.5: Llama with biases of q, k and v.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"Qwen2ForCausalLM"};
constexpr std::string_view kKeys[] = {"uses_sliding_window", "max_window_layers"};
constexpr HfName kFields[] = {{"uses_sliding_window", "use_sliding_window"},
                              {"max_window_layers", "max_window_layers"}};

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, {}));
  WEFT_ASSIGN(const uint32_t first, source.count_or_zero("max_window_layers"));
  WEFT_TRY(keep_windows(source, spec, [first](uint32_t layer) { return layer >= first; }));
  return spec;
}

}  // namespace

constinit const Architecture kQwen2{
    .gguf = "qwen2", .hf = kNames, .read = read, .keys = kKeys, .layout = {.fields = kFields}};

}  // namespace weft::model
