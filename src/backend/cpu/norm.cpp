#include "backend/cpu/norm.h"

#include <array>
#include <cmath>

#include "backend/cpu/matmul.h"
#include "backend/cpu/row_ops.h"
#include "base/check.h"

namespace weft::backend {
namespace {

// Sum of value(i) in a fixed order, in lanes that the compiler can keep in a vector.
template <class Value>
float sum(size_t n, const Value& value) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> lanes{};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += value(i + lane);
  }
  for (; i < n; ++i) lanes[0] += value(i);
  float total = 0;
  for (const float lane : lanes) total += lane;
  return total;
}

}  // namespace

Result<Norm> Norm::create(const model::ModelSpec& spec, const model::Weight& weight,
                          const std::optional<model::Weight>& bias) {
  Norm norm{.kind = spec.norm, .eps = spec.norm_eps};
  WEFT_ASSIGN(norm.weight, decode_vector(weight));
  if (bias) {
    WEFT_ASSIGN(norm.bias, decode_vector(*bias));
  }
  return norm;
}

Result<std::optional<Norm>> Norm::create_if_present(const model::ModelSpec& spec,
                                                    const std::optional<model::Weight>& weight,
                                                    const std::optional<model::Weight>& bias) {
  if (!weight) return std::nullopt;
  return create(spec, *weight, bias);
}

void Norm::apply(std::span<const float> x, std::span<float> out) const {
  const size_t width = weight.size();
  CHECK(x.size() == out.size() && x.size() % width == 0);
  for (size_t first = 0; first < x.size(); first += width) {
    const std::span part = x.subspan(first, width);
    const std::span to = out.subspan(first, width);
    if (kind == model::NormKind::kRms) {
      rms_norm(part, weight, eps, to);
    } else {
      layer_norm(part, weight, bias, eps, to);
    }
  }
}

void layer_norm(std::span<const float> x, std::span<const float> weight,
                std::span<const float> bias, float eps, std::span<float> out) {
  const auto n = static_cast<float>(x.size());
  const float mean = sum(x.size(), [&](size_t i) { return x[i]; }) / n;
  const float squares = sum(x.size(), [&](size_t i) { return (x[i] - mean) * (x[i] - mean); });
  const float factor = 1.0F / std::sqrt(squares / n + eps);
  for (size_t i = 0; i < x.size(); ++i) {
    out[i] = (x[i] - mean) * factor * weight[i] + (bias.empty() ? 0.0F : bias[i]);
  }
}

}  // namespace weft::backend
