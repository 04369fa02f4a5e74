#include <cmath>

#include "kernels/short_conv/short_conv.h"

namespace weft::kernels {

std::vector<double> short_conv_ref(std::span<const float> x, std::span<const float> w,
                                   uint32_t channels) {
  const size_t rows = x.size() / channels;
  const size_t taps = w.size() / channels;
  std::vector<double> y;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (size_t back = 0; back < taps && back <= row; ++back) {
        sum += static_cast<double>(w[c * taps + taps - 1 - back]) *
               static_cast<double>(x[(row - back) * channels + c]);
      }
      y.push_back(sum / (1 + std::exp(-sum)));
    }
  }
  return y;
}

}  // namespace weft::kernels
