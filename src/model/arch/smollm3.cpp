// SmolLM3: Llama, of which some layers, mostly every fourth, do without RoPE.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"SmolLM3ForCausalLM"};
constexpr std::string_view kKeys[] = {"uses_sliding_window"};
constexpr HfName kFields[] = {{"uses_sliding_window", "use_sliding_window"},
                              {"", "max_window_layers"},  // layer_types says which
                              {"", "no_rope_layers"},
                              {"", "no_rope_layer_interval"}};

Result<ModelSpec> read(Source& source) {
  WEFT_ASSIGN(ModelSpec spec,
              read_decoder(source, {.gguf_pairs = RopePairs::kAdjacent, .rope_base = 2'000'000}));
  for (uint32_t i = 0; i < spec.layers.size(); ++i) {
    WEFT_ASSIGN(const bool does, rotates(source, i));
    Rope& rope = spec.layers[i].attention.rope;
    if (!does) rope = {.pairs = rope.pairs, .dims = 0};
  }
  WEFT_TRY(keep_windows(source, spec, [](uint32_t) { return true; }));
  return spec;
}

}  // namespace

constinit const Architecture kSmolLm3{.gguf = "smollm3",
                                      .hf = kNames,
                                      .read = read,
                                      .keys = kKeys,
                                      .layout = {.fields = kFields},
                                      .gguf_rows = {.permutes_qk = true}};

}  // namespace weft::model
