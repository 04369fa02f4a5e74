#include "backend/cpu/element_ops.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "backend/cpu/row_ops.h"
#include "base/check.h"

namespace weft::backend {
namespace {

float silu(float x) { return x / (1.0F + std::exp(-x)); }

float gelu(float x) { return 0.5F * x * (1.0F + std::erf(x / std::numbers::sqrt2_v<float>)); }

float gelu_tanh(float x) {
  constexpr float kRoot = 0.7978845608028654F;  // sqrt(2 / pi)
  return 0.5F * x * (1.0F + std::tanh(kRoot * (x + 0.044715F * x * x * x)));
}

// See model::Activation.
float clamped_swiglu(float gate, float up) {
  gate = std::min(gate, 7.0F);
  return gate / (1.0F + std::exp(-1.702F * gate)) * (std::clamp(up, -7.0F, 7.0F) + 1.0F);
}

}  // namespace

void activate(model::Activation activation, std::span<float> x) {
  switch (activation) {
    case model::Activation::kSilu:
      for (float& v : x) v = silu(v);
      break;
    case model::Activation::kGelu:
      for (float& v : x) v = gelu(v);
      break;
    case model::Activation::kGeluTanh:
      for (float& v : x) v = gelu_tanh(v);
      break;
    case model::Activation::kClampedSwiglu:
      CHECK(!"a gate beside it");
  }
}

void activate(model::Activation activation, std::span<float> gate, std::span<const float> up) {
  CHECK(gate.size() == up.size());
  if (activation == model::Activation::kSilu) return swiglu(gate, up);
  if (activation == model::Activation::kClampedSwiglu) {
    for (size_t i = 0; i < gate.size(); ++i) gate[i] = clamped_swiglu(gate[i], up[i]);
    return;
  }
  activate(activation, gate);
  for (size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i];
}

void scale(std::span<float> x, float factor) {
  for (float& v : x) v *= factor;
}

void soft_cap(std::span<float> x, float cap) {
  for (float& v : x) v = cap * std::tanh(v / cap);
}

void add_scaled(std::span<float> x, float factor, std::span<const float> y) {
  CHECK(x.size() == y.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] += factor * y[i];
}

}  // namespace weft::backend
