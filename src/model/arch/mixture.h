// Mixtures of experts, as nearly all architectures that have them name their keys and tensors.
#pragma once

#include "base/error.h"
#include "model/arch/decoder.h"
#include "model/source.h"
#include "model/spec.h"

namespace weft::model {

// The mixture that the header describes; nothing where it names no experts. An error where the
// architecture has no mixtures.
[[nodiscard]] Result<std::optional<Mixture>> read_mixture(const Source& source,
                                                          const Recipe& recipe);

// Whether a layer has a mixture: whether it has a router.
[[nodiscard]] Result<bool> has_router(const Source& source, uint32_t index);

// Router and experts of `layer`, whose mlp.mixture says their shapes, and the matrices of the
// shared expert where mlp.ff is not 0. Experts lie one below the other in tensors "ffn_up_exps",
// with gate and up together in "ffn_gate_up_exps", or each in a tensor of its own, "ffn_up.7".
[[nodiscard]] Result<void> read_experts(Source& source, const Routing& routing, uint32_t index,
                                        uint32_t embd, LayerSpec& layer);

}  // namespace weft::model
