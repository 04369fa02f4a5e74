#include "kernels/delta_rule/delta_rule.h"

#include <array>

#include "base/checked.h"
#include "kernels/gen/delta_rule.wgsl.h"
#include "kernels/make_dispatch.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kLanes = 32;  // columns of one head on one core: few heads fill a large GPU

}  // namespace

Loops delta_rule_loops_for(const gpu::AdapterInfo& info) {
  return info.kind == gpu::AdapterKind::kSoftware ? Loops::kKept : Loops::kUnrolled;
}

Result<Dispatch> delta_rule(gpu::Device& device, const DeltaRule& shape,
                            const DeltaRuleBuffers& buffers, Loops loops) {
  if (shape.k_dim % 4 != 0 || shape.v_dim % 4 != 0 || shape.k_dim > kMaxDeltaDim) {
    return fail(
        "Gated DeltaNet with heads of {} elements of k and {} of v: both must be multiples of 4 on "
        "the GPU, and of k at most {}.",
        shape.k_dim, shape.v_dim, kMaxDeltaDim);
  }
  Variant variant{.kernel = "delta_rule",
                  .constants = {{"kQuads", shape.k_dim / 4}},
                  .overrides = {{"WG", kLanes}, {"GROUPED", shape.grouped ? 1.0 : 0.0}},
                  .loops = loops};
  // A driver unrolls loops of a known length by itself.
  if (loops == Loops::kKept) variant.renames = {{"i < kQuads", "i < p.quads"}};
  const uint64_t state = uint64_t{shape.v_heads} * shape.k_dim * shape.v_dim;
  return make_dispatch(device, variant,
                       std::array{buffers.sequences, buffers.qkv, buffers.gates, buffers.heads,
                                  buffers.states, buffers.y},
                       DeltaRuleParams{.sequences = 0,
                                       .k_heads = shape.k_heads,
                                       .v_heads = shape.v_heads,
                                       .v_dim = shape.v_dim,
                                       .gates_stride = shape.gates_stride,
                                       .first_beta = shape.first_beta,
                                       .first_alpha = shape.first_alpha,
                                       .quads = shape.k_dim / 4},
                       {.count = Count::kSequences,
                        .x = {.fixed = shape.v_heads * ceil_div(shape.v_dim, kLanes)},
                        .y = {.count = Count::kSequences},
                        .bytes_per_count = 8 * state,
                        .flops_per_count = 7 * state});
}

}  // namespace weft::kernels
