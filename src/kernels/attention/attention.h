// Causal attention over a paged KV cache: for each row and each of its query heads,
//   y = softmax(scale * q . k[keys 0 to row's pos]) v
// or over the last keys alone (a sliding window, or a chunk), with scores soft-capped or as they
// are, and perhaps with one score more in each head's softmax, its sink, which has no value, where
// neighbouring query heads share a KV head (Ainslie et al., "GQA", 2023). The pages are read in
// place, through the block table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/subgroup_matrix.h"

namespace weft::kernels {

struct Attention {
  uint32_t n_heads;
  uint32_t n_kv_heads;
  uint32_t head_dim;
  uint32_t max_blocks;  // of a sequence in the block table
  float scale;
  float soft_cap = 0;    // scores become soft_cap * tanh(score / soft_cap); 0: they stay
  uint32_t window = 0;   // keys that a row sees, its own and those before it; 0: all
  bool chunked = false;  // of those, none before the last multiple of the window
  // Scores at position p are multiplied by 1 + temperature * log(1 + floor((p + 1) / length)).
  float temperature = 0;
  uint32_t temperature_length = 1;
};

struct AttentionBuffers {
  gpu::Binding rows;         // Row [rows]
  gpu::Binding block_table;  // u32 [sequences, max_blocks]
  gpu::Binding q;            // [rows, n_heads, head_dim], f32 but where said otherwise
  gpu::Binding k_cache;      // f16 [blocks, n_kv_heads, kBlockTokens, head_dim]
  gpu::Binding v_cache;      // the same
  gpu::Binding y;            // f32 [rows, n_heads, head_dim], but where said otherwise
  gpu::Binding sinks;        // f32 [n_heads], or no buffer
};

// What the splits of attention_of_rows leave for its second dispatch.
struct AttentionScratch {
  gpu::Binding acc;
  gpu::Binding stats;
};
struct AttentionScratchBytes {
  uint64_t acc;
  uint64_t stats;
};
[[nodiscard]] AttentionScratchBytes attention_scratch_bytes(const Attention& shape,
                                                            uint32_t max_rows);

// For steps of few rows, each perhaps of another sequence: the keys of a row are split over
// workgroups (flash decoding, Dao et al. 2023), and the last dispatch puts the splits together.
// An error where head_dim is not a multiple of 4 up to 256, or n_heads not one of n_kv_heads.
[[nodiscard]] Result<std::vector<Dispatch>> attention_of_rows(gpu::Device& device,
                                                              const Attention& shape,
                                                              const AttentionBuffers& buffers,
                                                              const AttentionScratch& scratch);

// For steps with many rows of one sequence, which share what is read of their keys and values
// (flash attention, Dao et al. 2022). `tiles`: Tile [tiles]; rows in no tile are left.
// Errors as above.
[[nodiscard]] Result<Dispatch> attention_of_tiles(gpu::Device& device, const Attention& shape,
                                                  const AttentionBuffers& buffers,
                                                  const gpu::Binding& tiles);

// Whether the lanes of a subgroup are as many for each row of a matrix, and each has eights of a
// block's scores to turn into weights.
[[nodiscard]] bool can_attend_on(const SubgroupMatrix& matrix);

// The same on matrix units: q is f16, y is f16 in chunks (Elements::kF16Chunks) and weights are
// rounded to f16. n_heads * head_dim is a multiple of 32, and can_attend_on(matrix). Errors as
// above, and where head_dim is not a multiple of kMatrixHeadUnit.
inline constexpr uint32_t kMatrixHeadUnit = 16;
[[nodiscard]] Result<Dispatch> attention_on_matrices(gpu::Device& device, const Attention& shape,
                                                     const AttentionBuffers& buffers,
                                                     const gpu::Binding& tiles,
                                                     const SubgroupMatrix& matrix);

// One query head over [n_keys, head_dim] keys and values, all of which it sees, in double
// precision.
[[nodiscard]] std::vector<double> attention_ref(std::span<const float> q,
                                                std::span<const float> keys,
                                                std::span<const float> values, double scale,
                                                double soft_cap = 0,
                                                std::optional<double> sink = {});

}  // namespace weft::kernels
