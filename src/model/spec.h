// ModelSpec: a supported network as data. Nothing behind this header asks which architecture a
// model is; a new one is a new file in model/arch that fills a spec.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor_view.h"

namespace weft::model {

enum class NormKind : uint8_t { kRms, kLayer };
enum class Activation : uint8_t { kSilu };
enum class RopePairs : uint8_t {
  kAdjacent,  // (x[2i], x[2i + 1]): GGUF's `llama`, whose converter permutes q and k for it
  kHalf,      // (x[i], x[i + dims / 2]): Neox, and Hugging Face files as they stand
};

// Angle of pair i at position p: p * inv_freq(i), inv_freq(i) = base^(-2i / dims) * factor; every
// scaling (linear, llama3, ...) is folded into the table inv_freq when the spec is made.
struct Rope {
  RopePairs pairs;
  uint32_t dims;                // rotated elements of each head, even, at most head_dim
  std::vector<float> inv_freq;  // [dims / 2], radians a position
};

struct Attention {
  uint32_t n_heads;
  uint32_t n_kv_heads;  // divides n_heads
  uint32_t head_dim;
  Rope rope;
  float scale;  // of q . k, usually 1 / sqrt(head_dim)
};

struct Mlp {
  Activation activation;
  uint32_t ff;  // width of gate and up
};

// One weight: where its bytes lie and what the spec says its shape must be (checked).
// rows x cols: y[rows] = W x[cols]. Vectors (norms, biases) have rows = 1.
struct Weight {
  formats::TensorView tensor;
  uint32_t rows;
  uint32_t cols;
};

// What a weight is for, as far as its memory is concerned.
enum class WeightRole : uint8_t { kTokenEmbedding, kAttention, kMlp, kNorm, kOutput };
[[nodiscard]] std::string_view name(WeightRole role);  // "token embedding", ...

struct LayerSpec {
  Attention attention;
  Mlp mlp;

  Weight attn_norm;               // [embd] f32
  Weight attn_q, attn_k, attn_v;  // [heads * head_dim, embd], [kv_heads * head_dim, embd] x 2
  std::optional<Weight> attn_q_bias, attn_k_bias, attn_v_bias;
  Weight attn_output;  // [embd, heads * head_dim]
  std::optional<Weight> attn_output_bias;
  Weight ffn_norm;                    // [embd] f32
  Weight ffn_gate, ffn_up, ffn_down;  // [ff, embd] x 2, [embd, ff]
  std::optional<Weight> ffn_gate_bias, ffn_up_bias, ffn_down_bias;
};

struct ModelSpec {
  std::string architecture;  // as the file names it, for people only
  std::string name;
  std::string file_type;  // what the file says its quantisation is called; may be empty
  uint32_t embd;          // width of the residual stream
  uint32_t vocab;
  uint32_t context;  // the context length the model was trained for
  NormKind norm;
  float norm_eps;
  Weight token_embd;   // [vocab, embd]
  Weight output_norm;  // [embd] f32
  Weight output;       // [vocab, embd]; token_embd once more where tied
  bool tied_output;
  std::vector<LayerSpec> layers;

  // Every weight once, in the order in which a forward pass meets them; a tied head is no weight of
  // its own.
  void for_each_weight(const std::function<void(WeightRole, const Weight&)>& use) const;

  [[nodiscard]] uint64_t parameters() const;
  [[nodiscard]] uint64_t weight_bytes() const;
  // As the field names files: "Q4_1", "F16", "Q4_K_M": what the file says, else the type that most
  // weights have.
  [[nodiscard]] std::string quantization() const;
};

}  // namespace weft::model
