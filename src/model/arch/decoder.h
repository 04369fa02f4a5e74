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

struct Recipe {
  NormKind norm = NormKind::kRms;
  RopePairs gguf_pairs = RopePairs::kHalf;
  RopePairs hf_pairs = RopePairs::kHalf;
  float rope_base = 10000;  // where the file names none
  float rope_part = 1;      // of a head that is rotated, where the file does not say
  bool rotates = true;
  Activation activation = Activation::kSilu;  // where the file does not say: GGUF files never do
  bool gated = true;
  bool parallel = false;
  bool pre_norms =
      true;  // attn_norm and ffn_norm must be there; a parallel layer needs no ffn_norm
  bool post_norms = false;
  QkNorm qk_norm = QkNorm::kNone;
  QkvRows hf_qkv = QkvRows::kBehindEachOther;
};

// Keys that read_decoder() reads or that change nothing.
[[nodiscard]] std::span<const std::string_view> decoder_keys();

// The whole spec. A sliding window that the file names is that of every layer. Weights present but
// not expected are left for expect_no_more_tensors().
[[nodiscard]] Result<ModelSpec> read_decoder(Source& source, const Recipe& recipe);

// Leaves the window to the layers for which `slides` says so, or which a config.json's
// 'layer_types' calls sliding.
template <class Slides>
[[nodiscard]] Result<void> keep_windows(const Source& source, ModelSpec& spec, Slides slides);
// A layer's entry in config.json's 'layer_types'; empty where there is none.
[[nodiscard]] Result<std::string> layer_type(const Source& source, uint32_t layer);

template <class Slides>
Result<void> keep_windows(const Source& source, ModelSpec& spec, Slides slides) {
  for (uint32_t i = 0; i < spec.layers.size(); ++i) {
    WEFT_ASSIGN(const std::string type, layer_type(source, i));
    const bool does = type.empty() ? slides(i) : type == "sliding_attention";
    if (!does) spec.layers[i].attention.window = 0;
  }
  return {};
}

}  // namespace weft::model
