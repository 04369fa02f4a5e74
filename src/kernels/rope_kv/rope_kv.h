// Rotary position embedding (Su et al., "RoFormer", 2021) of a step's q and k, and the write of its
// keys and values into the paged KV cache. A pair (a, b) of elements of a head becomes
//   (a cos t - b sin t, a sin t + b cos t),  t = pos * inv_freq[i] for pair i,
// times the magnitude that some scalings of RoPE ask for.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/elements.h"

namespace weft::kernels {

enum class RopePairs : uint8_t {
  kAdjacent,  // (x[2i], x[2i + 1])
  kHalf,      // (x[i], x[i + rope_dims / 2])
};

struct RopeKv {
  uint32_t n_heads;
  uint32_t n_kv_heads;
  uint32_t head_dim;
  uint32_t rope_dims;  // elements of a head that are rotated, from its first on; may be 0
  RopePairs pairs;
  float magnitude = 1;
  Elements q = Elements::kF32;  // of the rotated q
};

struct RopeKvBuffers {
  gpu::Binding rows;     // Row [rows]
  gpu::Binding turns;    // rope_turns(inv_freq); anything where rope_dims is 0
  gpu::Binding qkv;      // f32 [rows, n_heads + 2 n_kv_heads, head_dim]: a row's q, k and v
  gpu::Binding q;        // [rows, n_heads, head_dim], rotated
  gpu::Binding k_cache;  // f16 [blocks, n_kv_heads, kBlockTokens, head_dim]
  gpu::Binding v_cache;  // the same; both hold +-65504 for what f16 cannot
};

// The table for the GPU: inv_freq, in radians a position, as fractions of a turn in 2^-64; each
// takes a high and a low word. Angles stay exact to 2^-32 of a turn at every position.
[[nodiscard]] std::vector<uint32_t> rope_turns(std::span<const float> inv_freq);

// An error where head_dim is not a multiple of 4, or rope_dims is odd.
[[nodiscard]] Result<Dispatch> rope_kv(gpu::Device& device, const RopeKv& shape,
                                       const RopeKvBuffers& buffers);

// One head at one position, in double precision.
[[nodiscard]] std::vector<double> rope_ref(std::span<const float> head,
                                           std::span<const float> inv_freq, RopePairs pairs,
                                           uint32_t pos, double magnitude = 1);

}  // namespace weft::kernels
