// A norm of the model, whichever kind it is, on rows of activations.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "model/spec.h"

namespace weft::backend {

struct Norm {
  model::NormKind kind;
  float eps;
  std::vector<float> weight;
  std::vector<float> bias;  // empty: none

  [[nodiscard]] static Result<Norm> create(const model::ModelSpec& spec,
                                           const model::Weight& weight,
                                           const std::optional<model::Weight>& bias);
  // Nothing where there is no weight.
  [[nodiscard]] static Result<std::optional<Norm>> create_if_present(
      const model::ModelSpec& spec, const std::optional<model::Weight>& weight,
      const std::optional<model::Weight>& bias);

  // Each part of x as wide as the weight, by itself; `out` may be x.
  void apply(std::span<const float> x, std::span<float> out) const;
};

// out[i] = (x[i] - mean(x)) / sqrt(variance(x) + eps) * weight[i] + bias[i]
void layer_norm(std::span<const float> x, std::span<const float> weight,
                std::span<const float> bias, float eps, std::span<float> out);

}  // namespace weft::backend
