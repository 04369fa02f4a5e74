// The gated delta rule (arXiv 2412.06464): what each head of v does with its matrix S, row after
// row of a sequence. With g = exp(decay * softplus(alpha + dt_bias)) and b = sigmoid(beta),
//   S = g S + k (b (v - g k^T S))^T,  y = q^T S.
// S is what the sequence left in its state, or 0 where it has none yet. model/spec.h has the layer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "gpu/device.h"
#include "kernels/compose.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

struct DeltaRule {
  uint32_t k_heads, v_heads;  // of q and k, of v
  uint32_t k_dim, v_dim;      // multiples of 4, k_dim at most kMaxDeltaDim
  bool grouped;           // neighbouring heads of v share one of k: v_head / (v_heads / k_heads)
                          // else one of k is shared by v_head % k_heads
  uint32_t gates_stride;  // from row to row of gates
  uint32_t first_beta, first_alpha;  // in a row of gates
};
inline constexpr uint32_t kMaxDeltaDim = 256;

struct DeltaRuleBuffers {
  gpu::Binding sequences;  // Sequence [sequences]
  gpu::Binding qkv;        // f32 [rows, 2 k_heads k_dim + v_heads v_dim]: q, k and v of a row
  gpu::Binding gates;      // f32 [rows, gates_stride]: beta and alpha, [v_heads] each
  gpu::Binding heads;      // f32 [2, v_heads]: decay and dt_bias
  gpu::Binding states;     // f32 [states, v_heads, k_dim / 4, v_dim, 4]
  gpu::Binding y;          // f32 [rows, v_heads, v_dim]
};

// S is in registers where loops are unrolled, which a CPU that stands in for a GPU takes a minute
// to compile.
[[nodiscard]] Loops delta_rule_loops_for(const gpu::AdapterInfo& info);

// An error where a width is not supported.
[[nodiscard]] Result<Dispatch> delta_rule(gpu::Device& device, const DeltaRule& shape,
                                          const DeltaRuleBuffers& buffers, Loops loops);

// One head of one sequence from position 0 on, in double precision: [rows, v_dim].
struct DeltaRuleHead {
  std::span<const float> q, k;         // [rows, k_dim]
  std::span<const float> v;            // [rows, v_dim]
  std::span<const float> beta, alpha;  // [rows]
  double decay, dt_bias;
};
[[nodiscard]] std::vector<double> delta_rule_ref(const DeltaRuleHead& head);

}  // namespace weft::kernels
