// What nearly all architectures have in common: the numbers of the header and the tensors of a
// decoder's layers. An architecture says in a recipe how it differs, and adds what remains to the
// spec.
#pragma once

#include "base/error.h"
#include "model/source.h"
#include "model/spec.h"

namespace weft::model {

// How a tensor attn_qkv holds the rows of q, k and v.
enum class QkvRows : uint8_t {
  kBehindEachOther,  // all of q, all of k, all of v: GGUF files always
  kByKvHead,         // for each KV head: its query heads, its k, its v
};

// How gate and up of an expert lie in one tensor, `ffn_gate_up_exps`.
enum class FusedRows : uint8_t {
  kHalves,       // all rows of gate, all rows of up
  kAlternating,  // a row of gate, a row of up, ...
};

// How a mixture chooses; `shared`: besides its experts there is one for all rows.
struct Routing {
  Router router = Router::kSoftmax;
  bool normalized = true;
  bool shared = false;
  FusedRows fused = FusedRows::kHalves;  // where there is such a tensor
  bool weighs_inputs = false;
};

// Reads what a layer has in place of attention; false where it has attention.
using MixerReader = Result<bool> (*)(Source& source, uint32_t layer, const ModelSpec& spec,
                                     LayerSpec& out);

struct Recipe {
  NormKind norm = NormKind::kRms;
  RopePairs gguf_pairs = RopePairs::kHalf;
  RopePairs hf_pairs = RopePairs::kHalf;
  float rope_base = 10000;     // where the file names none
  float rope_part = 1;         // of a head that is rotated, where the file does not say
  bool yarn_truncates = true;  // whether YaRN's ramp has whole bounds, where the file does not say
  bool rotates = true;
  Activation activation = Activation::kSilu;  // where the file does not say: GGUF files never do
  bool gated = true;
  bool parallel = false;
  bool pre_norms =
      true;  // attn_norm and ffn_norm must be there; a parallel layer needs no ffn_norm
  std::string_view ffn_norm = "ffn_norm";  // its tensor
  bool post_norms = false;
  std::string_view eps_key = {};     // of the norms; empty: what the kind of norm implies
  bool attn_gate = false;            // attn_q has q and gate of a head behind each other
  MixerReader read_mixer = nullptr;  // null: all layers have attention
  QkNorm qk_norm = QkNorm::kNone;
  QkvRows hf_qkv = QkvRows::kBehindEachOther;
  std::optional<Routing> routing;  // of layers that have a router; none: there are no mixtures
  uint32_t kv_heads = 0;           // instead of what the file says, where not 0
  uint32_t ff_of_embd = 0;  // the MLP's width in embeddings where the file does not say; 0: it must
};

// Keys that read_decoder() reads or that change nothing.
[[nodiscard]] std::span<const std::string_view> decoder_keys();

// The whole spec. A sliding window that the file names is that of every layer. Weights present but
// not expected are left for expect_no_more_tensors().
[[nodiscard]] Result<ModelSpec> read_decoder(Source& source, const Recipe& recipe);

// Whether a layer is sliding: by config.json's 'layer_types', or by a key
// 'attention.sliding_window_pattern' that the architecture knows, or else `otherwise`.
[[nodiscard]] Result<bool> is_sliding(const Source& source, uint32_t layer, bool otherwise);

// Whether a layer has RoPE, of families that leave it out in some: by the fields no_rope_layers (1:
// with RoPE) or no_rope_layer_interval, else in all but every fourth.
[[nodiscard]] Result<bool> rotates(const Source& source, uint32_t layer);

// An error for a flag that is there with another value: what it stands for is not supported.
[[nodiscard]] Result<void> expect_flag(const Source& source, std::string_view key, bool value);

// Takes the window from all layers but the sliding ones, by layer_types or else `slides(layer)`.
template <class Slides>
[[nodiscard]] Result<void> keep_windows(const Source& source, ModelSpec& spec, Slides slides) {
  for (uint32_t i = 0; i < spec.layers.size(); ++i) {
    WEFT_ASSIGN(const bool does, is_sliding(source, i, slides(i)));
    if (!does) spec.layers[i].attention.window = 0;
  }
  return {};
}

}  // namespace weft::model
