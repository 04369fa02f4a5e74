// The parts of a plan that run on packed dot products. Those for steps of few rows fuse what stands
// between the products of a layer: norms, RoPE, SwiGLU, residuals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/gpu/plan.h"
#include "kernels/dot_matvec/dot_matvec.h"
#include "kernels/product/product.h"

namespace weft::backend {

// Adds the dispatches of a layer's first half, which mixes rows, for steps of at most `most` rows;
// false, with nothing added, where a kernel cannot do its part.
[[nodiscard]] Result<bool> add_dot_mixer(const PlanInputs& in, size_t layer, uint32_t most,
                                         Plan& plan);

// The same of its MLP, mixture of experts, or both.
[[nodiscard]] bool add_dot_mlp(const PlanInputs& in, size_t layer, uint32_t most, Plan& plan);

// The same from the residual stream to the logits of at most `most` outputs.
[[nodiscard]] bool add_dot_head(const PlanInputs& in, uint32_t most, Plan& plan);

// Whether products of many rows are made of them where their weights allow. Matrix units are
// faster, and on a CPU that stands in for a GPU products in f32.
[[nodiscard]] bool multiplies_many_rows_by_dots(const gpu::AdapterInfo& info, ManyRows many_rows);

// Products of one x, in steps of mostly `rows` rows: many.
void add_dot_products(const PlanInputs& in, std::span<const kernels::Product> products,
                      uint32_t rows, Plan& plan);

}  // namespace weft::backend
