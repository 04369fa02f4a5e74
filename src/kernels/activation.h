// The nonlinear functions of MLPs (lib/activation_*.wgsl).
#pragma once

#include <cstdint>
#include <string_view>

namespace weft::kernels {

enum class Activation : uint8_t {
  kSilu,      // x / (1 + exp(-x))
  kGelu,      // x (1 + erf(x / sqrt(2))) / 2
  kGeluTanh,  // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  // Of gate and up: g sigmoid(1.702 g) (u + 1) with g = min(gate, 7), u = clamp(up, -7, 7).
  kClampedSwiglu,
};

[[nodiscard]] constexpr std::string_view wgsl_name(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return "activation_silu";
    case Activation::kGelu:
      return "activation_gelu";
    case Activation::kGeluTanh:
      return "activation_gelu_tanh";
    case Activation::kClampedSwiglu:
      return "activation_clamped_swiglu";
  }
  return {};
}

}  // namespace weft::kernels
