#include <cmath>

#include "kernels/gated_norm/gated_norm.h"

namespace weft::kernels {

std::vector<double> gated_norm_ref(std::span<const float> x, std::span<const float> w,
                                   std::span<const float> gate, double eps) {
  std::vector<double> y = rms_norm_ref(x, w, eps);
  for (size_t i = 0; i < y.size(); ++i) {
    const double g = gate[i];
    y[i] *= g / (1 + std::exp(-g));
  }
  return y;
}

}  // namespace weft::kernels
