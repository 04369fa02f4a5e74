#include "backend/cpu/norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "backend/cpu/element_ops.h"
#include "backend/cpu/testing/random.h"

namespace weft::backend {
namespace {

TEST(LayerNorm, MatchesDoublePrecision) {
  std::mt19937 random(1);
  for (const uint32_t n : {1U, 15U, 16U, 17U, 33U, 257U}) {
    const auto x = testing::random_floats(random, n, 4.0F);
    const auto w = testing::random_floats(random, n);
    const auto b = testing::random_floats(random, n);
    double mean = 0;
    for (const float v : x) mean += static_cast<double>(v) / n;
    double variance = 0;
    for (const float v : x) variance += std::pow(static_cast<double>(v) - mean, 2) / n;
    std::vector<float> out(n, NAN);
    layer_norm(x, w, b, 1e-3F, out);
    for (uint32_t i = 0; i < n; ++i) {
      const double wanted = (static_cast<double>(x[i]) - mean) / std::sqrt(variance + 1e-3) *
                                static_cast<double>(w[i]) +
                            static_cast<double>(b[i]);
      EXPECT_NEAR(out[i], wanted, 1e-5) << n << ", " << i;
    }
  }
}

TEST(Norm, AppliesToPartsAsWideAsItsWeightInPlace) {
  const Norm norm{.kind = model::NormKind::kRms, .eps = 0, .weight = {1, 2}, .bias = {}};
  std::vector<float> x{3, 3, 0.5F, -0.5F};
  norm.apply(x, x);
  EXPECT_EQ(x, (std::vector<float>{1, 2, 1, -2}));
}

TEST(ElementOps, FollowTheirFormulas) {
  for (const float x : {-30.0F, -1.0F, 0.0F, 0.3F, 2.0F, 30.0F}) {
    const auto wide = static_cast<double>(x);
    std::vector<float> v{x};
    activate(model::Activation::kGelu, v);
    EXPECT_NEAR(v[0], wide * (1 + std::erf(wide / std::sqrt(2.0))) / 2,
                1e-6 * (1 + std::abs(wide)));
    v = {x};
    activate(model::Activation::kGeluTanh, v);
    const double inner = std::sqrt(2 / M_PI) * (wide + 0.044715 * wide * wide * wide);
    EXPECT_NEAR(v[0], wide * (1 + std::tanh(inner)) / 2, 1e-6 * (1 + std::abs(wide)));
    v = {x};
    activate(model::Activation::kSilu, v);
    EXPECT_NEAR(v[0], wide / (1 + std::exp(-wide)), 1e-6 * (1 + std::abs(wide)));
    v = {x};
    soft_cap(v, 5);
    EXPECT_NEAR(v[0], 5 * std::tanh(wide / 5), 1e-6);
  }
}

}  // namespace
}  // namespace weft::backend
