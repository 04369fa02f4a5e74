// The part of a plan between the matrices of a Gated DeltaNet layer.
#pragma once

#include <cstddef>

#include "backend/gpu/plan.h"
#include "kernels/elements.h"

namespace weft::backend {

// From `delta_in`, what qkv, gate, beta and alpha gave, to `attended`, what the layer's output
// matrix reads. Moves the states of the step's sequences on.
[[nodiscard]] Result<void> add_delta_net(const PlanInputs& in, size_t layer,
                                         kernels::Elements attended, Plan& plan);

}  // namespace weft::backend
