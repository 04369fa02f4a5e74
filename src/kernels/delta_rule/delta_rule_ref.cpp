#include <cmath>

#include "kernels/delta_rule/delta_rule.h"

namespace weft::kernels {

std::vector<double> delta_rule_ref(const DeltaRuleHead& head) {
  const size_t rows = head.beta.size();
  const size_t k_dim = head.k.size() / rows;
  const size_t v_dim = head.v.size() / rows;
  std::vector<double> s(k_dim * v_dim);
  std::vector<double> y;
  for (size_t row = 0; row < rows; ++row) {
    const double time = std::log1p(std::exp(head.alpha[row] + head.dt_bias));
    const double beta = 1 / (1 + std::exp(-static_cast<double>(head.beta[row])));
    for (double& value : s) value *= std::exp(head.decay * time);
    for (size_t j = 0; j < v_dim; ++j) {
      double known = 0;
      for (size_t i = 0; i < k_dim; ++i) known += head.k[row * k_dim + i] * s[i * v_dim + j];
      const double change = beta * (head.v[row * v_dim + j] - known);
      double read = 0;
      for (size_t i = 0; i < k_dim; ++i) {
        s[i * v_dim + j] += head.k[row * k_dim + i] * change;
        read += head.q[row * k_dim + i] * s[i * v_dim + j];
      }
      y.push_back(read);
    }
  }
  return y;
}

}  // namespace weft::kernels
