// The architectures there are: each turns a file's metadata and tensors into a ModelSpec. The
// fields `architecture`, `name` and `file_type` are the caller's.
#pragma once

#include "base/error.h"
#include "formats/gguf.h"
#include "model/arch/decoder.h"
#include "model/hf_model.h"
#include "model/source.h"
#include "model/spec.h"

namespace weft::model {

// How a GGUF file's tensors differ from those of a folder, but for their names and HfLayout.
struct GgufRows {
  bool permutes_qk = false;    // RoPE's pairs, half a head apart in q and k, become neighbours
  bool groups_qkv = false;     // attn_qkv: a group for each KV head becomes all q, all k, all v
  float norm_offset = 0;       // added to the weights of norms
  bool deals_v_heads = false;  // heads of v of Gated DeltaNet: HeadMove
};

struct Architecture {
  std::string_view gguf;                 // in `general.architecture`, and before the names of keys
  std::span<const std::string_view> hf;  // in config.json's `architectures`
  Result<ModelSpec> (*read)(Source& source);
  std::span<const std::string_view> keys;  // it reads or may ignore, besides decoder.h's
  HfLayout layout;
  GgufRows gguf_rows = {};
  // How folders that Weft writes have gate and up of all experts in one tensor; none: each in one
  // of its own.
  std::optional<FusedRows> fuses_experts = {};
};

// The one that config.json names; an error where it is not supported.
[[nodiscard]] Result<const Architecture*> find_architecture(const HfFolder& folder);
// The one that a GGUF file names, likewise.
[[nodiscard]] Result<const Architecture*> find_architecture(const formats::GgufFile& file);

// One a file of this folder.
extern const Architecture kLlama, kQwen2, kQwen3, kGemma, kGemma2, kGemma3, kPhi3, kOlmo2,
    kStableLm, kGptNeox, kGpt2, kPhi2, kFalcon, kStarcoder2, kCommandR, kSmolLm3, kGranite,
    kMixtral, kQwen3Moe, kGptOss, kQwen2Moe, kOlmoe, kPhiMoe, kGraniteMoe, kQwen35, kQwen35Moe,
    kQwen3Next, kGptJ, kLlama4;

}  // namespace weft::model
