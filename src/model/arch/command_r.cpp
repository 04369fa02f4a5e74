// Command R: layer norms without biases, one for attention and MLP side by side, scaled logits.
// RoPE turns neighbours in both kinds of file.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"CohereForCausalLM"};
constexpr std::string_view kKeys[] = {"logit_scale", "uses_qk_norm"};
constexpr HfName kFields[] = {{"logit_scale", "logit_scale"}, {"uses_qk_norm", "use_qk_norm"}};

Result<ModelSpec> read(Source& source) {
  WEFT_TRY(expect_flag(source, "uses_qk_norm", false));
  WEFT_ASSIGN(ModelSpec spec, read_decoder(source, {.norm = NormKind::kLayer,
                                                    .gguf_pairs = RopePairs::kAdjacent,
                                                    .hf_pairs = RopePairs::kAdjacent,
                                                    .parallel = true}));
  WEFT_ASSIGN(spec.logit_scale, source.positive("logit_scale"));
  return spec;
}

}  // namespace

constinit const Architecture kCommandR{
    .gguf = "command-r", .hf = kNames, .read = read, .keys = kKeys, .layout = {.fields = kFields}};

}  // namespace weft::model
