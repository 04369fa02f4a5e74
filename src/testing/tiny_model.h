// Small models of the llama family with random weights, made in code: what engine and backends are
// tested on where a real model would be slow or lacks the feature.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "formats/gguf.h"
#include "model/spec.h"
#include "testing/gguf_writer.h"
#include "testing/temporary_file.h"

namespace weft::testing {

struct TinyModelOptions {
  uint32_t layers = 2;
  uint32_t embd = 64;  // embd, ff and heads * head_dim: whole blocks of `type`
  uint32_t heads = 4;
  uint32_t kv_heads = 2;
  uint32_t head_dim = 16;
  uint32_t ff = 96;
  uint32_t experts = 0;  // of width ff in each layer; 0: there is an MLP
  uint32_t experts_used = 2;
  uint32_t vocab = 320;
  uint32_t context = 256;
  formats::TensorType type = formats::TensorType::kF32;    // of matrices; vectors are f32
  formats::TensorType v_type = formats::TensorType::kF32;  // of attn_v where not F32
  bool tied = false;                                       // no output.weight
  bool biases = false;                                     // every bias the spec knows
  bool tokenizer = false;                                  // the vocabulary below; vocab >= 265
  float rope_base = 10000;
  std::vector<float> rope_factors;  // [head_dim / 2]: tensor rope_freqs.weight; empty: none
  uint64_t seed = 1;
};

// The vocabulary of TinyModelOptions::tokenizer, byte-level BPE of GPT-2's kind: ids 0 to 255 are
// the bytes, then come a few merges ("the", " a", ...), then these, then unused ones.
inline constexpr uint32_t kTinyEndOfText = 262;  // "<|endoftext|>", bos
inline constexpr uint32_t kTinyImStart = 263;    // "<|im_start|>"
inline constexpr uint32_t kTinyImEnd = 264;      // "<|im_end|>", eos

// The parts of such a file, for tests that change some of them. The same options give the same
// bytes on every machine.
[[nodiscard]] GgufWriter tiny_gguf(const TinyModelOptions& options);

class TinyModel {
 public:
  explicit TinyModel(const TinyModelOptions& options = {});

  [[nodiscard]] const std::filesystem::path& path() const { return stored_.path(); }
  [[nodiscard]] const formats::GgufFile& file() const { return file_; }
  [[nodiscard]] const model::ModelSpec& spec() const { return spec_; }

 private:
  TemporaryFile stored_;
  formats::GgufFile file_;
  model::ModelSpec spec_;
};

}  // namespace weft::testing
