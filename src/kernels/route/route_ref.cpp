#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/route/route.h"

namespace weft::kernels {

RouteRef route_ref(const Route& shape, std::span<const float> logits) {
  double sum_of_all = 0;
  for (const float logit : logits) sum_of_all += std::exp(static_cast<double>(logit));
  const auto score = [&](uint32_t expert) {
    const double power = std::exp(static_cast<double>(logits[expert]));
    return shape.sigmoid ? power / (1 + power) : power / sum_of_all;
  };
  RouteRef out{.experts = std::vector<uint32_t>(shape.experts)};
  std::iota(out.experts.begin(), out.experts.end(), 0U);
  std::ranges::stable_sort(out.experts, std::greater(), [&](uint32_t e) { return logits[e]; });
  out.experts.resize(shape.used);
  double sum = 0;
  for (const uint32_t expert : out.experts) sum += score(expert);
  for (const uint32_t expert : out.experts) {
    out.weights.push_back(score(expert) / (shape.normalized ? sum : 1));
  }
  return out;
}

}  // namespace weft::kernels
