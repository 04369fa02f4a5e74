// StableLM: layer norms, RoPE over a quarter of each head, a gated SiLU MLP that some models run
// beside attention.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"StableLmForCausalLM"};
constexpr std::string_view kKeys[] = {"use_parallel_residual", "qk_layernorm"};
constexpr HfName kFields[] = {{"use_parallel_residual", "use_parallel_residual"},
                              {"qk_layernorm", "qk_layernorm"},
                              {"", "use_qkv_bias"},
                              {"", "norm_eps"},  // others say these two
                              {"", "rope_pct"}};

Result<ModelSpec> read(Source& source) {
  WEFT_TRY(expect_flag(source, "qk_layernorm", false));
  WEFT_ASSIGN(const bool parallel, source.flag_or("use_parallel_residual", false));
  return read_decoder(source, {.norm = NormKind::kLayer, .rope_part = 0.25F, .parallel = parallel});
}

}  // namespace

constinit const Architecture kStableLm{
    .gguf = "stablelm", .hf = kNames, .read = read, .keys = kKeys, .layout = {.fields = kFields}};

}  // namespace weft::model
