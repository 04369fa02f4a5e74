// The dispatches of a mixture of experts, by kernels that every device can run. Each weight of an
// expert is read once for each row that chose it.
#pragma once

#include <cstddef>

#include "backend/gpu/plan.h"
#include "gpu/device.h"

namespace weft::backend {

// An error names what the kernels cannot do for steps of max_rows rows.
[[nodiscard]] Result<void> expect_mixtures_fit(const model::ModelSpec& spec,
                                               const Options& options);

// For steps of at most `most` rows: from `x`, the router's choices and what the chosen experts'
// last matrix is multiplied with; x is not needed after that.
void add_expert_choices(const PlanInputs& in, size_t layer, const gpu::Buffer& x, uint32_t most,
                        Plan& plan);

// From `router_logits` to `choices`.
void add_route(const PlanInputs& in, size_t layer, Plan& plan);

// Scales `activated`, of the shared expert, by the gate whose logits are in `router_logits`.
void add_shared_scale(const PlanInputs& in, size_t layer, Plan& plan);

// Scales what the shared expert's last matrix is multiplied with by the gate of `x`, where it has
// one.
void add_shared_gate(const PlanInputs& in, size_t layer, const gpu::Buffer& x, uint32_t most,
                     Plan& plan);

// Adds what the experts give to the residual stream.
void add_expert_outputs(const PlanInputs& in, size_t layer, Plan& plan);

}  // namespace weft::backend
