#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/swiglu/swiglu.h"

namespace weft::kernels {
namespace {

double activate(Activation activation, double x) {
  if (activation == Activation::kSilu) return x / (1 + std::exp(-x));
  if (activation == Activation::kGelu) return x * (1 + std::erf(x / std::numbers::sqrt2)) / 2;
  return x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x))) / 2;
}

}  // namespace

std::vector<double> swiglu_ref(std::span<const float> gate, std::span<const float> up,
                               Activation activation) {
  std::vector<double> y;
  for (size_t i = 0; i < gate.size(); ++i) {
    if (activation == Activation::kClampedSwiglu) {
      const double g = std::min(static_cast<double>(gate[i]), 7.0);
      const double u = std::clamp(static_cast<double>(up[i]), -7.0, 7.0);
      y.push_back(g / (1 + std::exp(-1.702 * g)) * (u + 1));
      continue;
    }
    y.push_back(activate(activation, gate[i]) * up[i]);
  }
  return y;
}

}  // namespace weft::kernels
