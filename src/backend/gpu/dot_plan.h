// The part of a plan for steps of few rows that runs on packed dot products, which fuse what stands
// between the products of a layer: norms, RoPE, SwiGLU, residuals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/gpu/plan.h"
#include "kernels/dot_matvec/dot_matvec.h"

namespace weft::backend {

// Adds the dispatches of a layer's first half, which mixes rows, for steps of at most `most` rows;
// false, with nothing added, where a kernel cannot do its part.
[[nodiscard]] Result<bool> add_dot_mixer(const PlanInputs& in, size_t layer, uint32_t most,
                                         Plan& plan);

// The same of its MLP, mixture of experts, or both.
[[nodiscard]] bool add_dot_mlp(const PlanInputs& in, size_t layer, uint32_t most, Plan& plan);

// The same from the residual stream to the logits of at most `most` outputs.
[[nodiscard]] bool add_dot_head(const PlanInputs& in, uint32_t most, Plan& plan);

}  // namespace weft::backend
