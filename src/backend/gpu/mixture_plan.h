// The dispatches of a mixture of experts by kernels that every device can run, and of steps of many
// rows on matrix units or packed dot products. dot_plan.h has few rows on packed dot products.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/gpu/matrix_plan.h"
#include "backend/gpu/plan.h"
#include "gpu/device.h"
#include "kernels/elements.h"

namespace weft::backend {

// An error names what the kernels cannot do for steps of max_rows rows.
[[nodiscard]] Result<void> expect_mixtures_fit(const model::ModelSpec& spec,
                                               const Options& options);

// From `router_logits` to `choices`.
void add_route(const PlanInputs& in, size_t layer, Plan& plan);

// Scales `activated`, of the shared expert, by the gate whose logits are in `router_logits`.
void add_shared_scale(const PlanInputs& in, size_t layer, kernels::Elements activated, Plan& plan);

// How experts multiply.
enum class ExpertRows : uint8_t {
  kEach,   // a weight is read once for each row that chose its expert
  kTiled,  // rows that chose an expert are multiplied together
};

class MixturePlan {
 public:
  // For steps of at most `most` rows. `matrices`: where tiles are multiplied on matrix units, else
  // null.
  MixturePlan(const PlanInputs& in, size_t layer, uint32_t most, ExpertRows rows,
              const MatrixPlan* matrices)
      : in_(in), layer_(layer), most_(most), rows_(rows), matrices_(matrices) {}

  // The router's choices, from x in f32.
  void add_choices(const gpu::Buffer& x, Plan& plan) const;

  // From x, as products read it, to what the chosen experts' last matrix is multiplied with; x is
  // not needed after that.
  void add_gates(const gpu::Buffer& x, Plan& plan) const;

  // Scales what the shared expert's last matrix is multiplied with by the gate of x, in f32, where
  // it has one.
  void add_shared_gate(const gpu::Buffer& x, Plan& plan) const;

  // Adds what the experts give to the residual stream.
  void add_sum(Plan& plan) const;

 private:
  [[nodiscard]] const DeviceMixture& weights() const { return *in_.weights.layers[layer_].mixture; }
  [[nodiscard]] const model::Mlp& mlp() const { return in_.spec.layers[layer_].mlp; }
  [[nodiscard]] kernels::Elements elements() const {
    return matrices_ != nullptr ? kernels::Elements::kF16Chunks : kernels::Elements::kF32;
  }
  [[nodiscard]] kernels::ExpertTiles tiles() const;
  [[nodiscard]] std::vector<kernels::Product> tiled_products(const ExpertMatrices& matrices,
                                                             const gpu::Buffer& x,
                                                             uint32_t x_rows_each) const;
  void add_router(const DeviceMatrix& router, const gpu::Buffer& x, Plan& plan) const;
  void add_tiled(const kernels::Product& product, Plan& plan) const;
  [[nodiscard]] bool add_tiled_gates(const gpu::Buffer& x, Plan& plan) const;

  const PlanInputs& in_;
  size_t layer_;
  uint32_t most_;
  ExpertRows rows_;
  const MatrixPlan* matrices_;
};

}  // namespace weft::backend
