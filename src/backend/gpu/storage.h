// The buffers that a model's steps work in: allocated once, as large as the options ask.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "gpu/device.h"
#include "kernels/attention/attention.h"

namespace weft::backend {

inline constexpr uint32_t kMaxFewRows = 8;  // rows that mat-vecs and split attention serve

// Rows whose logits one pass of the head computes; a step that wants more runs the head again.
[[nodiscard]] uint32_t max_outputs(const Options& options);

[[nodiscard]] kernels::Attention attention_shape(const model::Attention& attention,
                                                 uint32_t max_blocks);

// Of a row of what a Gated DeltaNet layer's matrices give: qkv, gate, beta, alpha.
[[nodiscard]] uint32_t delta_in_width(const model::DeltaNet& net);

struct LayerKv {             // empty where a layer has no attention
  gpu::Buffer keys, values;  // f16 [blocks, n_kv_heads, kBlockTokens, head_dim]
};

struct KvStorage {
  std::vector<LayerKv> layers;
  uint64_t size_bytes = 0;

  [[nodiscard]] static Result<KvStorage> create(gpu::Device& device, const model::ModelSpec& spec,
                                                const Options& options);
};

// What Gated DeltaNet layers keep of sequences: the states of slots, and behind them kept ones.
struct LayerState {      // empty where a layer has attention
  gpu::Buffer inputs;    // f32 [states, taps - 1, channels]
  gpu::Buffer matrices;  // f32 [states, v_heads, k_dim / 4, v_dim, 4]
};

struct StateStorage {
  std::vector<LayerState> layers;
  uint64_t size_bytes = 0;

  [[nodiscard]] static Result<StateStorage> create(gpu::Device& device,
                                                   const model::ModelSpec& spec,
                                                   const Options& options);
};

// f32 but where said otherwise, and f16 where matrix units read them; widths are the largest of any
// layer. `outputs`: max_outputs().
struct Activations {
  gpu::Buffer residual;                // [rows, embd]
  gpu::Buffer normed;                  // [rows, embd]
  gpu::Buffer qkv;                     // [rows, (heads + 2 kv_heads) head_dim]
  gpu::Buffer q, attended;             // [rows, heads * head_dim]
  gpu::Buffer attn_gate;               // [rows, heads * head_dim]
  gpu::Buffer delta_in;                // [rows, delta_in_width()]
  gpu::Buffer convolved;               // [rows, channels]
  gpu::Buffer read;                    // [rows, v_heads * v_dim]; goes to attended
  gpu::Buffer gate_up, activated;      // [rows, 2 ff], [rows, ff]
  gpu::Buffer router_in;               // [rows, embd]
  gpu::Buffer router_logits;           // [rows, experts]
  gpu::Buffer choices;                 // ExpertChoice [rows, experts used]
  gpu::Buffer expert_gate_up;          // [rows, experts used, 2 ff of one]
  gpu::Buffer expert_activated;        // [rows, experts used, ff of one]
  gpu::Buffer expert_tiles;            // kernels::expert_tiles()
  gpu::Buffer expert_out;              // [rows, experts used, embd]
  gpu::Buffer matmul_parts;            // of products on matrix units
  gpu::Buffer dot_rows, dot_lines;     // rows made ready for packed dot products
  gpu::Buffer split_acc, split_stats;  // of attention over few rows
  gpu::Buffer head_in;                 // [outputs, embd]
  gpu::Buffer logits;                  // [outputs, vocab]
  gpu::Buffer argmax_scratch, top_k_scratch;
  gpu::Buffer sampled;       // u32 [outputs]
  gpu::Buffer candidates;    // Candidate [outputs, kTopK]
  gpu::Buffer slot_tokens;   // u32 [max_sequences]
  gpu::Buffer drawn_tokens;  // u32 [max_sequences, kDrawnTokens]
  uint64_t size_bytes = 0;

  // `has_dots`: products of many rows are packed dot products.
  [[nodiscard]] static Result<Activations> create(gpu::Device& device, const model::ModelSpec& spec,
                                                  const Options& options, bool has_dots);
};

}  // namespace weft::backend
