// Qwen 3: Llama with norms of each head's q and k.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"Qwen3ForCausalLM"};
constexpr std::string_view kKeys[] = {"uses_sliding_window", "max_window_layers"};
constexpr HfName kFields[] = {{"uses_sliding_window", "use_sliding_window"},
                              {"max_window_layers", "max_window_layers"}};

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, {.qk_norm = QkNorm::kHead}));
  WEFT_ASSIGN(const uint32_t first, source.count_or_zero("max_window_layers"));
  WEFT_TRY(keep_windows(source, spec, [first](uint32_t layer) { return layer >= first; }));
  return spec;
}

}  // namespace

constinit const Architecture kQwen3{
    .gguf = "qwen3", .hf = kNames, .read = read, .keys = kKeys, .layout = {.fields = kFields}};

}  // namespace weft::model
