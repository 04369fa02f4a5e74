#include <cmath>

#include "kernels/rms_norm/rms_norm.h"

namespace weft::kernels {

std::vector<double> rms_norm_ref(std::span<const float> x, std::span<const float> w, double eps) {
  std::vector<double> y;
  for (size_t first = 0; first < x.size(); first += w.size()) {
    double squares = 0;
    for (size_t c = 0; c < w.size(); ++c)
      squares += static_cast<double>(x[first + c]) * x[first + c];
    const double root = std::sqrt(squares / static_cast<double>(w.size()) + eps);
    for (size_t c = 0; c < w.size(); ++c) y.push_back(x[first + c] / root * w[c]);
  }
  return y;
}

std::vector<double> layer_norm_ref(std::span<const float> x, std::span<const float> w,
                                   std::span<const float> bias, double eps) {
  const auto n = static_cast<double>(w.size());
  std::vector<double> y;
  for (size_t first = 0; first < x.size(); first += w.size()) {
    double mean = 0, variance = 0;
    for (size_t c = 0; c < w.size(); ++c) mean += x[first + c] / n;
    for (size_t c = 0; c < w.size(); ++c) variance += std::pow(x[first + c] - mean, 2) / n;
    for (size_t c = 0; c < w.size(); ++c) {
      y.push_back((x[first + c] - mean) / std::sqrt(variance + eps) * w[c] + bias[c]);
    }
  }
  return y;
}

}  // namespace weft::kernels
