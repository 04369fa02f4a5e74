// The dispatches of a step, prebuilt for every shape of step that the options allow.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"
#include "backend/gpu/step_data.h"
#include "backend/gpu/storage.h"
#include "backend/gpu/weights.h"
#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::backend {

using Plan = std::vector<kernels::Dispatch>;

// For steps of up to `most` rows (of the body) or outputs (of the head).
struct SizedPlan {
  uint32_t most;
  Plan plan;
};

struct Plans {
  std::vector<SizedPlan> bodies;  // tokens to residual stream and KV cache; ascending by `most`
  std::vector<SizedPlan> heads;   // residual stream to logits
  Plan greedy;                    // logits to sampled tokens, kept for the slots
  Plan drawn;                     // logits to tokens by the step's rules, kept likewise
};

// Which products steps of few rows are made of.
enum class FewRows : uint8_t {
  kFastest,  // known for the device
  kPlain,    // that every device can run
  kDot,      // packed dot products, where the device can
};

// Which products steps of more rows are made of.
enum class ManyRows : uint8_t {
  kFastest,  // known for the device
  kPlain,    // that every device can run
  kDot,      // packed dot products, where the device can and weights are quantised
  kStandIn,  // those for matrix units, where lanes stand in for them
};

struct Products {
  FewRows few_rows = FewRows::kFastest;
  ManyRows many_rows = ManyRows::kFastest;
};

struct PlanInputs {
  gpu::Device& device;
  const model::ModelSpec& spec;
  const Options& options;
  const DeviceWeights& weights;
  const KvStorage& kv;
  const StateStorage& states;
  const Activations& activations;
  const StepData& step;
  Products products;
};

// Waits for the pipelines: what comes back can run. An error names what no kernel supports.
[[nodiscard]] Result<Plans> build_plans(const PlanInputs& inputs);

// The smallest that `count` fits; there is one, as the last takes all that the options allow.
[[nodiscard]] const Plan& plan_for(const std::vector<SizedPlan>& plans, uint32_t count);

}  // namespace weft::backend
