#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/route/route.h"

namespace weft::kernels {

namespace {

RouteRef sparse_mixer_ref(const Route& shape, std::span<const float> logits) {
  RouteRef out;
  for (uint32_t n = 0; n < shape.used; ++n) {
    const auto is_left = [&](uint32_t e) {
      return std::ranges::find(out.experts, e) == out.experts.end();
    };
    uint32_t best = shape.experts;
    for (uint32_t e = 0; e < shape.experts; ++e) {
      if (is_left(e) && (best == shape.experts || logits[e] > logits[best])) best = e;
    }
    double sum = 0;
    for (uint32_t e = 0; e < shape.experts; ++e) {
      const double distance = static_cast<double>(logits[best]) - static_cast<double>(logits[e]);
      const double unit = std::max(std::abs(logits[e]), logits[best]);
      if (is_left(e) && distance <= static_cast<double>(kMixerReach) * unit)
        sum += std::exp(-distance);
    }
    out.experts.push_back(best);
    out.weights.push_back(1 / sum);
  }
  return out;
}

}  // namespace

RouteRef route_ref(const Route& shape, std::span<const float> logits) {
  if (shape.scores == Scores::kSparseMixer) return sparse_mixer_ref(shape, logits);
  double sum_of_all = 0;
  for (const float logit : logits) sum_of_all += std::exp(static_cast<double>(logit));
  const auto score = [&](uint32_t expert) {
    const double power = std::exp(static_cast<double>(logits[expert]));
    return shape.scores == Scores::kSigmoid ? power / (1 + power) : power / sum_of_all;
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
