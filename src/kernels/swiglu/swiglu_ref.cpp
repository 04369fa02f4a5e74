#include <cmath>

#include "kernels/swiglu/swiglu.h"

namespace weft::kernels {

std::vector<double> swiglu_ref(std::span<const float> gate, std::span<const float> up) {
  std::vector<double> y;
  for (size_t i = 0; i < gate.size(); ++i) {
    const double x = gate[i];
    y.push_back(x / (1 + std::exp(-x)) * up[i]);
  }
  return y;
}

}  // namespace weft::kernels
