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
    y.push_back(activate(activation, gate[i]) * up[i]);
  }
  return y;
}

}  // namespace weft::kernels
