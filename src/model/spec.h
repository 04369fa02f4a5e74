// ModelSpec: a supported network as data. Nothing behind this header asks which architecture a
// model is; a new one is a new file in model/arch that fills a spec. What a spec asks for beyond
// the plain Llama network is listed by features.h; reference_model.cpp in src/testing is its
// meaning.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/tensor_view.h"

namespace weft::model {

enum class NormKind : uint8_t {
  kRms,    // x / sqrt(mean(x^2) + eps) * w
  kLayer,  // (x - mean(x)) / sqrt(variance(x) + eps) * w + b
};
enum class Activation : uint8_t {
  kSilu,      // x / (1 + exp(-x))
  kGelu,      // x * (1 + erf(x / sqrt(2))) / 2
  kGeluTanh,  // x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2
  // Of gate g and up u together: min(g, 7) * sigmoid(1.702 min(g, 7)) * (clamp(u, -7, 7) + 1)
  kClampedSwiglu,
};
enum class RopePairs : uint8_t {
  kAdjacent,  // (x[2i], x[2i + 1]): GGUF's `llama`, whose converter permutes q and k for it
  kHalf,      // (x[i], x[i + dims / 2]): Neox, and most Hugging Face files as they stand
};

// Angle of pair i at position p: p * inv_freq(i), inv_freq(i) = base^(-2i / dims) * factor; every
// scaling (linear, llama3, ...) is folded into the table inv_freq when the spec is made.
struct Rope {
  RopePairs pairs;
  uint32_t dims;                // rotated elements of each head, even, at most head_dim; 0: none
  std::vector<float> inv_freq;  // [dims / 2], radians a position
  float magnitude = 1;          // of the rotated elements: YaRN's and longrope's attention factor
  uint32_t max_context = 0;     // longer texts need another table, which Weft has not; 0: none do
};

// A norm of q and k before they are rotated, of the model's kind.
enum class QkNorm : uint8_t {
  kNone,
  kHead,   // each head by itself, with weights [head_dim] that heads share
  kWhole,  // all heads as one vector: weights [heads * head_dim] and [kv_heads * head_dim]
};

// Far rows look closer (arXiv 2501.19399): the scores of the row at position p are multiplied by
// 1 + scale * log(1 + floor((p + 1) / length)).
struct Temperature {
  float scale = 0;      // 0: none
  uint32_t length = 1;  // positions for which that is the same
};

struct Attention {
  uint32_t n_heads;
  uint32_t n_kv_heads;  // divides n_heads
  uint32_t head_dim;
  Rope rope;
  float scale;  // of q . k, usually 1 / sqrt(head_dim)
  QkNorm qk_norm = QkNorm::kNone;
  float softcap = 0;     // scores become softcap * tanh(score / softcap); 0: they stay
  uint32_t window = 0;   // positions that a row sees, its own and those before it; 0: all
  bool chunked = false;  // of those, none before the last multiple of `window`
  Temperature temperature = {};

  // `scale` of the row at `pos`, with the temperature.
  [[nodiscard]] float scale_at(uint32_t pos) const;

  // The first position that the row at `pos` sees.
  [[nodiscard]] uint32_t first_seen(uint32_t pos) const {
    if (window == 0) return 0;
    if (chunked) return pos - pos % window;
    return pos < window ? 0 : pos + 1 - window;
  }
};

// What makes the logits of a mixture's router the scores that experts are chosen by.
enum class Router : uint8_t {
  kSoftmax,  // over all experts
  kSigmoid,  // of each by itself
  // SparseMixer (arXiv 2409.12136): the softmax over those not chosen before whose logit l is near
  // the largest of them, m: (m - l) / max(|l|, m) <= kMixerReach.
  kSparseMixer,
};
inline constexpr float kMixerReach = 0.02F;

// A row goes through the `used` experts of the largest scores (the first of equal ones), and gets
// the sum of what they give times their scores.
struct Mixture {
  uint32_t experts;  // at most kMaxExperts
  uint32_t used;     // 1 to experts, at most kMaxExpertsUsed
  uint32_t ff;       // width of each one's gate and up
  Router router;
  bool normalized;  // scores of the chosen are divided by their sum: softmax over the chosen alone
  bool weighs_inputs = false;  // scores multiply what an expert reads, not what it gives
};
inline constexpr uint32_t kMaxExperts = 1024;
inline constexpr uint32_t kMaxExpertsUsed = 64;

struct Mlp {
  Activation activation;
  uint32_t ff;        // width of gate and up; 0: there is a mixture only
  bool gated = true;  // down(activation(gate(x)) * up(x)), else down(activation(up(x)))
  std::optional<Mixture> mixture;  // added to what the MLP itself gives, its shared expert
};

// One weight: where its bytes lie and what the spec says its shape must be (checked).
// rows x cols: y[rows] = W x[cols]. Vectors (norms, biases) have rows = 1.
struct Weight {
  formats::TensorView tensor;
  uint32_t rows;
  uint32_t cols;
};

// Which head of q and k a head of v works with.
enum class KeyHeads : uint8_t {
  kGrouped,  // v_head / (v_heads / k_heads): Hugging Face files
  kTiled,    // v_head % k_heads: GGUF files of Qwen 3.5, whose converter sorts the heads of v
};

// Gated DeltaNet (arXiv 2412.06464) behind a short convolution: what a sequence leaves to its next
// row is not keys and values but a state of fixed size, the last taps - 1 rows of qkv(x) and a
// matrix S [k_dim, v_dim] for each head of v, all zeros before the first row.
//   [q, k, v] = silu(c), c[i] = sum over j < taps of conv[i, j] * qkv(x of row t - taps + 1 + j)[i]
//   of each head, q /= sqrt(sum(q^2) + 1e-6) * sqrt(k_dim), k /= sqrt(sum(k^2) + 1e-6)
//   S *= exp(decay * softplus(alpha(x) + dt_bias))
//   S += k (sigmoid(beta(x)) * (v - k^T S))^T
//   the layer's result: output(rms_norm(q^T S) * norm * silu(gate(x))), normed head by head
struct DeltaNet {
  uint32_t k_heads;  // of q as well
  uint32_t v_heads;  // a multiple of k_heads
  uint32_t k_dim, v_dim;
  uint32_t taps;  // of the convolution, 2 or more
  KeyHeads key_heads;

  Weight qkv;          // [channels(), embd]: all of q, all of k, all of v
  Weight gate;         // [v_heads * v_dim, embd]
  Weight beta, alpha;  // [v_heads, embd]
  Weight conv;         // [channels(), taps]
  Weight decay;        // [v_heads], below 0
  Weight dt_bias;      // [v_heads]
  Weight norm;         // [v_dim]
  Weight output;       // [embd, v_heads * v_dim]

  [[nodiscard]] uint32_t channels() const { return 2 * k_heads * k_dim + v_heads * v_dim; }
};

// What a weight is for, as far as its memory is concerned.
enum class WeightRole : uint8_t {
  kTokenEmbedding,
  kAttention,
  kDeltaNet,
  kMlp,
  kExperts,
  kNorm,
  kOutput
};
[[nodiscard]] std::string_view name(WeightRole role);  // "token embedding", ...

// One of a mixture: a gated MLP of the layer's activation.
struct Expert {
  Weight gate, up, down;  // [ff, embd] x 2, [embd, ff]
  std::optional<Weight> gate_bias, up_bias, down_bias;
};

// A layer with delta_net has that in place of attention; attention and its weights are empty then.
// Without `parallel`:  x += post(attention(norm(x))), then x += post(mlp(norm(x))).
// With it:             x += attention(attn_norm(x)) + mlp(ffn_norm(x)).
// A norm that is missing leaves its input as it is; but in a parallel layer without ffn_norm, the
// MLP reads what attention reads.
struct LayerSpec {
  Attention attention;
  std::optional<DeltaNet> delta_net;
  Mlp mlp;
  bool parallel = false;

  std::optional<Weight> attn_norm, attn_norm_bias;  // [embd]
  Weight attn_q, attn_k, attn_v;  // [heads * head_dim, embd], [kv_heads * head_dim, embd] x 2
  std::optional<Weight> attn_q_bias, attn_k_bias, attn_v_bias;
  std::optional<Weight> attn_q_norm, attn_k_norm;  // where attention.qk_norm
  std::optional<Weight> attn_sinks;  // [heads]: a score more in each softmax, of no value
  // [heads * head_dim, embd]: attention's result is multiplied by sigmoid(attn_gate(x)).
  std::optional<Weight> attn_gate;
  Weight attn_output;  // [embd, heads * head_dim]
  std::optional<Weight> attn_output_bias;
  std::optional<Weight> attn_post_norm;           // [embd]
  std::optional<Weight> ffn_norm, ffn_norm_bias;  // [embd]
  std::optional<Weight> ffn_gate;                 // [ff, embd], where mlp.gated
  Weight ffn_up, ffn_down;                        // [ff, embd], [embd, ff]; empty where ff is 0
  std::optional<Weight> ffn_gate_bias, ffn_up_bias, ffn_down_bias;
  std::optional<Weight> ffn_router, ffn_router_bias;  // [experts, embd], [experts]; of a mixture
  std::vector<Expert> experts;
  std::optional<Weight> ffn_shared_router;  // [1, embd]: its sigmoid scales what the MLP gives
  std::optional<Weight> ffn_post_norm;      // [embd]
};

struct ModelSpec {
  std::string architecture;  // as the file names it, for people only
  std::string name;
  std::string file_type;  // what the file says its quantisation is called; may be empty
  uint32_t embd;          // width of the residual stream
  uint32_t vocab;
  uint32_t context;  // the context length the model was trained for
  NormKind norm;     // of every norm
  float norm_eps;
  float embedding_scale = 1;  // of the embedding, before positions are added
  float residual_scale = 1;   // of what attention and MLP add to the residual stream
  float logit_scale = 1;      // of the logits, before the soft cap
  float logit_softcap = 0;    // logits become softcap * tanh(logit / softcap); 0: they stay

  Weight token_embd;                    // [vocab, embd]
  std::optional<Weight> position_embd;  // [context, embd], added to the embedding
  Weight output_norm;                   // [embd]
  std::optional<Weight> output_norm_bias;
  Weight output;  // [vocab, embd]; token_embd once more where tied
  std::optional<Weight> output_bias;
  bool tied_output;
  std::vector<LayerSpec> layers;

  // Tensors that had to be rearranged for this spec, whose views point here.
  std::vector<std::shared_ptr<const std::vector<std::byte>>> made;

  // Leaves out tokens beyond `tokens`: folders pad their embeddings with rows that no text stands
  // for. An error where there are fewer rows.
  [[nodiscard]] Result<void> fit_vocabulary(uint64_t tokens);

  // Every weight once, in the order in which a forward pass meets them; a tied head is no weight of
  // its own.
  void for_each_weight(const std::function<void(WeightRole, const Weight&)>& use) const;

  // Whether a sequence has a state beside its keys and values.
  [[nodiscard]] bool is_recurrent() const;

  [[nodiscard]] uint64_t parameters() const;
  [[nodiscard]] uint64_t weight_bytes() const;
  // As the field names files: "Q4_1", "F16", "Q4_K_M": what the file says, else the type that most
  // weights have.
  [[nodiscard]] std::string quantization() const;
};

}  // namespace weft::model
