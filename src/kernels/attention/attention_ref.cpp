#include <algorithm>
#include <cmath>

#include "kernels/attention/attention.h"

namespace weft::kernels {

std::vector<double> attention_ref(std::span<const float> q, std::span<const float> keys,
                                  std::span<const float> values, double scale, double soft_cap,
                                  std::optional<double> sink) {
  const size_t head_dim = q.size();
  std::vector<double> weights(keys.size() / head_dim);
  for (size_t key = 0; key < weights.size(); ++key) {
    double product = 0;
    for (size_t d = 0; d < head_dim; ++d) {
      product += static_cast<double>(q[d]) * keys[key * head_dim + d];
    }
    weights[key] = scale * product;
    if (soft_cap != 0) weights[key] = soft_cap * std::tanh(weights[key] / soft_cap);
  }
  double largest = *std::ranges::max_element(weights);
  if (sink) largest = std::max(largest, *sink);
  double sum = sink ? std::exp(*sink - largest) : 0;
  for (double& weight : weights) sum += weight = std::exp(weight - largest);

  std::vector<double> y(head_dim);
  for (size_t key = 0; key < weights.size(); ++key) {
    for (size_t d = 0; d < head_dim; ++d) {
      y[d] += weights[key] / sum * values[key * head_dim + d];
    }
  }
  return y;
}

}  // namespace weft::kernels
