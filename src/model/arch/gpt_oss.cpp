// gpt-oss: mixtures of experts with biases and a clamped SwiGLU, a sink in each head's softmax, a
// sliding window in every other layer, YaRN whose ramp has no whole bounds. Hugging Face files hold
// gate and up of all experts in one tensor, row by row in turn, transposed unless it is MXFP4.
#include "model/arch/arch.h"
#include "model/arch/decoder.h"

namespace weft::model {
namespace {

constexpr std::string_view kNames[] = {"GptOssForCausalLM"};
constexpr std::string_view kKeys[] = {"swiglu.alpha", "swiglu.limit"};
constexpr HfName kFields[] = {{"swiglu.alpha", "swiglu_alpha"},
                              {"swiglu.limit", "swiglu_limit"},
                              {"rope.scaling.original_context_length", "initial_context_length"},
                              {"expert_feed_forward_length", "intermediate_size"},
                              {"", "experts_per_token"}};
constexpr HfName kTensors[] = {
    {"blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm"},
    {"blk.{}.attn_sinks.weight", "model.layers.{}.self_attn.sinks"},
    {"blk.{}.ffn_gate_inp", "model.layers.{}.mlp.router"},
    {"blk.{}.ffn_gate_up_exps.weight", "model.layers.{}.mlp.experts.gate_up_proj"},
    {"blk.{}.ffn_gate_up_exps.bias", "model.layers.{}.mlp.experts.gate_up_proj_bias"},
    {"blk.{}.ffn_down_exps.weight", "model.layers.{}.mlp.experts.down_proj"},
    {"blk.{}.ffn_down_exps.bias", "model.layers.{}.mlp.experts.down_proj_bias"}};
constexpr std::string_view kTransposed[] = {"blk.{}.ffn_gate_up_exps", "blk.{}.ffn_down_exps"};

// An error for a number that is there with another value.
Result<void> expect_number(const Source& source, std::string_view key, float value) {
  WEFT_ASSIGN(const float found, source.positive(key, value));
  if (found == value) return {};
  return fail("{} is {}, and only {} is supported.", source.file().describe(key), found, value);
}

Result<ModelSpec> read(Source& source) {
  WEFT_TRY(expect_number(source, "swiglu.alpha", 1.702F));
  WEFT_TRY(expect_number(source, "swiglu.limit", 7));
  WEFT_ASSIGN(ModelSpec spec,
              read_decoder(source, {.yarn_truncates = false,
                                    .ffn_norm = "post_attention_norm",
                                    .routing = Routing{.fused = FusedRows::kAlternating}}));
  for (uint32_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    layer.mlp.activation = Activation::kClampedSwiglu;
    WEFT_ASSIGN(layer.attn_sinks,
                source.vector(fmt::format("blk.{}.attn_sinks.weight", i), layer.attention.n_heads));
  }
  WEFT_TRY(keep_windows(source, spec, [](uint32_t layer) { return layer % 2 == 0; }));
  return spec;
}

}  // namespace

constinit const Architecture kGptOss{
    .gguf = "gpt-oss",
    .hf = kNames,
    .read = read,
    .keys = kKeys,
    .layout = {.fields = kFields, .tensors = kTensors, .transposed = kTransposed},
    .fuses_experts = FusedRows::kAlternating};

}  // namespace weft::model
