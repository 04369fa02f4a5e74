// The part of a plan for steps of many rows that runs on matrix units: what their kernels read is
// f16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "backend/gpu/plan.h"
#include "kernels/product/product.h"
#include "kernels/subgroup_matrix.h"

namespace weft::backend {

class MatrixPlan {
 public:
  // Nothing where the device has no matrix units, or where some weight of a layer has a shape
  // that their kernels do not take.
  [[nodiscard]] static std::optional<MatrixPlan> create(const PlanInputs& inputs);

  // Adds the dispatches of a layer, for steps of mostly `rows` rows.
  [[nodiscard]] Result<void> add_layer(size_t layer, uint32_t rows, Plan& plan) const;

  // Adds those from the residual stream to the logits of mostly `outputs` outputs; false where the
  // matrix of the head has such a shape.
  [[nodiscard]] bool add_head(uint32_t outputs, Plan& plan) const;

 private:
  MatrixPlan(const PlanInputs& inputs, const kernels::SubgroupMatrix& matrix)
      : in_(inputs), matrix_(matrix) {}

  void add_norm(const gpu::Buffer& w, const gpu::Buffer& y, const gpu::Binding& outputs,
                Plan& plan) const;
  void add(const std::vector<kernels::Product>& products, uint32_t rows, Plan& plan) const;

  const PlanInputs& in_;
  kernels::SubgroupMatrix matrix_;
};

}  // namespace weft::backend
