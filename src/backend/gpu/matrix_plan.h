// What of a plan for steps of many rows runs on matrix units: what their kernels read is f16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "backend/gpu/plan.h"
#include "kernels/matmul_subgroup/matmul_subgroup.h"
#include "kernels/product/product.h"
#include "kernels/subgroup_matrix.h"

namespace weft::backend {

class MatrixPlan {
 public:
  // Nothing where the device has no matrix units, or where a layer has something that their kernels
  // do not take.
  [[nodiscard]] static std::optional<MatrixPlan> create(const PlanInputs& inputs);

  // Whether the matrix of the head has a shape that they take; those of layers have.
  [[nodiscard]] bool multiplies_head() const;

  // For steps of mostly `rows` rows; x is f16 in chunks.
  void add(const kernels::Product& product, uint32_t rows, Plan& plan) const;

  // The product with a gate and what it gates, and the activation: see matmul_subgroup_gated().
  // False, and nothing is added, where that takes several dispatches.
  [[nodiscard]] bool add_gated(const kernels::Product& product, kernels::Activation activation,
                               uint32_t rows, Plan& plan) const;

  // From a q of f16 to `attended`, f16 in chunks.
  [[nodiscard]] Result<void> add_attention(size_t layer, Plan& plan) const;

 private:
  MatrixPlan(const PlanInputs& inputs, const kernels::SubgroupMatrix& matrix)
      : in_(inputs), matrix_(matrix) {}

  [[nodiscard]] kernels::MatmulSubgroupVariant variant_for(const kernels::Product& product,
                                                           uint32_t rows) const;

  const PlanInputs& in_;
  kernels::SubgroupMatrix matrix_;
};

}  // namespace weft::backend
