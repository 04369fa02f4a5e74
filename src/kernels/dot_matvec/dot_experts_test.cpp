#include <algorithm>
#include <optional>

#include "kernels/dot_matvec/dot_matvec.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/route/route.h"
#include "kernels/swiglu/swiglu.h"
#include "kernels/testing/product_fixture.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kExperts = 5, kUsed = 3;

// Products of dot_matvec with the experts that rows chose.
class DotExpertsTest : public ProductTest {
 protected:
  void SetUp() override {
    ProductTest::SetUp();
    if (!IsSkipped() && !device().info().has_subgroups) GTEST_SKIP() << "no subgroups";
  }

  // Three different experts a row, another first one in each; weights between -1 and 1.
  static std::vector<ExpertChoice> some_choices(uint32_t rows) {
    const std::vector<float> weights = random_floats(size_t{rows} * kUsed, 7);
    std::vector<ExpertChoice> choices;
    for (uint32_t i = 0; i < rows * kUsed; ++i) {
      choices.push_back({(i / kUsed + i % kUsed * 2) % kExperts, weights[i]});
    }
    return choices;
  }

  // W_e x + bias_e, in double precision.
  static std::vector<double> one(const RandomWeight& w, std::span<const float> bias,
                                 uint32_t expert, std::span<const float> x) {
    const std::vector<double> all = w.values();
    const size_t size = all.size() / kExperts;
    std::vector<double> y = product_ref(x, std::span(all).subspan(expert * size, size),
                                        static_cast<uint32_t>(x.size()));
    for (size_t i = 0; i < y.size(); ++i) y[i] += double{bias[expert * y.size() + i]};
    return y;
  }

  void run_product(const DotInput& input, const DotProduct& product,
                   const DotMatvecVariant& variant, uint32_t rows, uint32_t k) {
    const DotScratchBytes bytes = dot_scratch_bytes(k, rows);
    const TestBuffer scratch_rows = output<std::byte>(bytes.rows);
    const TestBuffer scratch_lines = output<std::byte>(bytes.lines);
    std::vector<Dispatch> plan;
    ASSERT_TRUE(can_dot_matvec(device().info(), product));
    dot_matvec(device(), input, product, variant, {scratch_rows, scratch_lines}, plan);
    run(plan, {.rows = rows});
  }

  // Without a variant: the one chosen for the product and `rows`.
  struct Case {
    WeightFormat format;
    uint32_t rows;
    std::optional<DotMatvecVariant> variant;
    bool weighs_gate = false;
  };
  DotMatvecVariant variant_of(const Case& c, const DotProduct& product) {
    return c.variant ? *c.variant : dot_matvec_variant(device().info(), product, c.rows);
  }

  void expect_gate_right(const Case& c) {
    constexpr uint32_t kFf = 20;
    constexpr float kEps = 1e-5F;
    const uint32_t k = 3 * std::max(block_of(c.format), 32U);
    SCOPED_TRACE(testing::Message() << wgsl_name(c.format) << ", " << c.rows << " rows");
    const RandomWeight w(device(), c.format, kExperts * 2 * kFf, k, k);
    const std::vector<float> x = random_floats(size_t{c.rows} * k, 1, -3, 3);
    const std::vector<float> norm = random_floats(k, 2);
    const std::vector<float> bias = random_floats(kExperts * 2 * kFf, 3);
    const auto choices = some_choices(c.rows);
    const TestBuffer x_buffer = input(x), norm_buffer = input(norm), bias_buffer = input(bias);
    const TestBuffer chosen = input(choices), y = output<float>(choices.size() * kFf);
    const DotProduct product{
        .weight = w,
        .finish = ExpertGateFinish{
            .experts = {.choices = chosen, .used = kUsed, .n = 2 * kFf, .bias = bias_buffer},
            .y = y,
            .activation = Activation::kClampedSwiglu,
            .weighs_gate = c.weighs_gate}};
    run_product({.x = x_buffer, .norm = norm_buffer, .eps = kEps}, product, variant_of(c, product),
                c.rows, k);
    std::vector<double> want;
    for (size_t i = 0; i < choices.size(); ++i) {
      const auto row = rms_norm_ref(std::span(x).subspan(i / kUsed * k, k), norm, kEps);
      const std::vector<float> normed(row.begin(), row.end());
      const std::vector<double> both = one(w, bias, choices[i].expert, normed);
      std::vector<float> gate(both.begin(), both.begin() + kFf);
      for (float& value : gate) value *= c.weighs_gate ? choices[i].weight : 1;
      const std::vector<float> up(both.begin() + kFf, both.end());
      for (const double value : swiglu_ref(gate, up, Activation::kClampedSwiglu)) {
        want.push_back(double{choices[i].weight} * value);
      }
    }
    expect_near(values<float>(y), want, {.relative = 1e-3, .absolute = 2e-2});
  }

  void expect_sum_right(const Case& c, bool has_bias) {
    constexpr uint32_t kN = 24;
    const uint32_t k = 3 * std::max(block_of(c.format), 32U);
    SCOPED_TRACE(testing::Message() << wgsl_name(c.format) << ", " << c.rows << " rows"
                                    << (has_bias ? " with bias" : ""));
    const RandomWeight w(device(), c.format, kExperts * kN, k, k);
    const std::vector<float> x = random_floats(size_t{c.rows} * kUsed * k, 1);
    const std::vector<float> bias = random_floats(kExperts * kN, 2);
    const std::vector<float> before = random_floats(size_t{c.rows} * kN, 3);
    const auto choices = some_choices(c.rows);
    const TestBuffer x_buffer = input(x), bias_buffer = input(bias), chosen = input(choices);
    const TestBuffer y = input(before);
    ExpertSumFinish finish{.experts = {.choices = chosen, .used = kUsed, .n = kN}, .y = y};
    if (has_bias) finish.experts.bias = bias_buffer;
    const DotProduct product{.weight = w, .finish = finish};
    run_product({.x = x_buffer}, product, variant_of(c, product), c.rows, kUsed * k);
    std::vector<double> want(before.begin(), before.end());
    const std::vector<float> none(bias.size());
    for (size_t i = 0; i < choices.size(); ++i) {
      const auto [expert, weight] = choices[i];
      const auto product_of_one = one(w, none, expert, std::span(x).subspan(i * k, k));
      for (uint32_t j = 0; j < kN; ++j) {
        want[i / kUsed * kN + j] +=
            product_of_one[j] + (has_bias ? double{weight} * double{bias[expert * kN + j]} : 0);
      }
    }
    // Of x: roundings to 2^-15 of the largest (dot_matvec_test.cpp).
    expect_near(values<float>(y), want,
                {.relative = 1e-4,
                 .absolute = tolerance(kUsed * k).absolute + std::sqrt(kUsed * k) * 4e-5});
  }

  // Narrower than a subgroup, a whole one, and several that share K.
  std::vector<DotMatvecVariant> variants() {
    const gpu::AdapterInfo& info = device().info();
    return {{1, 1, std::max(info.subgroup_min / 2, 4U), 6, 1, XPlace::kWorkgroup},
            {1, 2, info.subgroup_max, 2, 3, XPlace::kWorkgroup},
            {1, 3, 2 * info.subgroup_max, 1, 2, XPlace::kStorage}};
  }
};

TEST_F(DotExpertsTest, EveryFormat) {
  for (const WeightFormat format : kAllWeightFormats) {
    expect_gate_right({format, 1, {}});
    expect_sum_right({format, 3, {}}, true);
  }
}

TEST_F(DotExpertsTest, OneRowAndSeveral) {
  expect_gate_right({WeightFormat::kMXFP4, 3, {}});
  expect_gate_right({WeightFormat::kBF16, 3, {}});
  expect_gate_right({.format = WeightFormat::kQ8_0, .rows = 3, .variant = {}, .weighs_gate = true});
  expect_sum_right({WeightFormat::kQ6_K, 1, {}}, false);
}

TEST_F(DotExpertsTest, EveryVariant) {
  for (const WeightFormat format : {WeightFormat::kQ4_1, WeightFormat::kF16}) {
    for (const DotMatvecVariant& variant : variants()) {
      const uint32_t rows = variant.x == XPlace::kWorkgroup ? 1 : 8;
      expect_gate_right({format, rows, variant});
      expect_sum_right({format, rows, variant}, true);
    }
  }
}

// An expert's result is the same bits whichever rows stand beside.
TEST_F(DotExpertsTest, RowsDoNotDependOnOthers) {
  constexpr uint32_t kN = 40, kK = 96, kRows = 4;
  const RandomWeight w(device(), WeightFormat::kQ8_0, kExperts * kN, kK, 1);
  const std::vector<float> x = random_floats(kRows * kUsed * kK, 2);
  const auto choices = some_choices(kRows);
  const auto sums_of = [&](uint32_t first, uint32_t rows) {
    const TestBuffer x_buffer = input(std::span(x).subspan(first * kUsed * kK, rows * kUsed * kK));
    const TestBuffer chosen = input(std::span(choices).subspan(first * kUsed, rows * kUsed));
    const TestBuffer y = input(std::vector<float>(rows * kN));
    const DotProduct product{
        .weight = w,
        .finish = ExpertSumFinish{.experts = {.choices = chosen, .used = kUsed, .n = kN}, .y = y}};
    run_product({.x = x_buffer}, product, dot_matvec_variant(device().info(), product, kRows), rows,
                kUsed * kK);
    return values<float>(y);
  };
  const std::vector<float> all = sums_of(0, kRows);
  for (uint32_t row = 0; row < kRows; ++row) {
    EXPECT_EQ(sums_of(row, 1), std::vector(all.begin() + row * kN, all.begin() + (row + 1) * kN));
  }
}

TEST_F(DotExpertsTest, RaggedExpertsAreLeftToOthers) {
  const RandomWeight w(device(), WeightFormat::kQ8_0, kExperts * 12, 32, 1);
  const DotProduct product{.weight = w,
                           .finish = ExpertSumFinish{.experts = {.used = kUsed, .n = 12}}};
  EXPECT_FALSE(can_dot_matvec(device().info(), product));
}

}  // namespace
}  // namespace weft::kernels
