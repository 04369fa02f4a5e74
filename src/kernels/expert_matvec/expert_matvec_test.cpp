#include "kernels/expert_matvec/expert_matvec.h"

#include "kernels/matvec/matvec_ref.h"
#include "kernels/route/route.h"
#include "kernels/testing/kernel_fixture.h"
#include "kernels/testing/random_weight.h"

namespace weft::kernels {
namespace {

class ExpertMatvecTest : public KernelTest {
 protected:
  static constexpr uint32_t kRows = 3, kUsed = 2, kExperts = 5;

  // Experts 0 to 4, none of which all rows choose; weights between -1 and 1.
  static std::vector<ExpertChoice> some_choices() {
    const std::vector<float> weights = random_floats(kRows * kUsed, 7);
    std::vector<ExpertChoice> choices;
    for (uint32_t i = 0; i < kRows * kUsed; ++i) choices.push_back({i * 3 % kExperts, weights[i]});
    return choices;
  }

  // W_e x + bias_e, in double precision.
  static std::vector<double> one(const RandomWeight& w, uint32_t n, std::span<const float> bias,
                                 uint32_t expert, std::span<const float> x) {
    const std::vector<double> all = w.values();
    const size_t size = size_t{n} * x.size();
    std::vector<double> y = product_ref(x, std::span(all).subspan(expert * size, size),
                                        static_cast<uint32_t>(x.size()));
    for (uint32_t i = 0; i < n; ++i) y[i] += double{bias[expert * n + i]};
    return y;
  }

  static Tolerance tolerance(uint32_t k) { return {.absolute = (4.0 * k + 32) * kEpsilon}; }
};

TEST_F(ExpertMatvecTest, EachExpertOfEveryFormat) {
  constexpr uint32_t kN = 33, kStride = 40, kFirst = 4;
  for (const WeightFormat format : kAllWeightFormats) {
    const uint32_t k = 3 * std::max(block_of(format), 8U);
    SCOPED_TRACE(wgsl_name(format));
    const RandomWeight w(device(), format, kExperts * kN, k, k);
    const std::vector<float> x = random_floats(kRows * k, 1),
                             bias = random_floats(kExperts * kN, 2);
    const auto choices = some_choices();
    const TestBuffer x_buffer = input(x), bias_buffer = input(bias), chosen = input(choices);
    const TestBuffer y = input(std::vector<float>(kRows * kUsed * kStride, 9));
    run(expert_matvec(device(),
                      {.weight = w, .n = kN, .used = kUsed, .choices = chosen, .bias = bias_buffer},
                      EachExpert{.x = x_buffer, .y = y, .y_stride = kStride, .y_first = kFirst}),
        {.rows = kRows});
    std::vector<double> want(kRows * kUsed * kStride, 9);
    for (uint32_t i = 0; i < kRows * kUsed; ++i) {
      const auto row = std::span(x).subspan(i / kUsed * k, k);
      std::ranges::copy(one(w, kN, bias, choices[i].expert, row), &want[i * kStride + kFirst]);
    }
    expect_near(values<float>(y), want, tolerance(k));
  }
}

TEST_F(ExpertMatvecTest, LeavesResultsOfExpertsThatAreNotThere) {
  constexpr uint32_t kN = 16, kK = 32, kFirst = 2;
  const RandomWeight w(device(), WeightFormat::kQ8_0, (kExperts - kFirst) * kN, kK, 4);
  const std::vector<float> x = random_floats(kRows * kK, 1);
  const std::vector<float> no_bias(kExperts * kN);
  const auto choices = some_choices();
  const TestBuffer x_buffer = input(x), chosen = input(choices);
  const TestBuffer y = input(std::vector<float>(kRows * kUsed * kN, 9));
  run(expert_matvec(
          device(),
          {.weight = w, .first_expert = kFirst, .n = kN, .used = kUsed, .choices = chosen},
          EachExpert{.x = x_buffer, .y = y, .y_stride = kN}),
      {.rows = kRows});
  std::vector<double> want(kRows * kUsed * kN, 9);
  for (uint32_t i = 0; i < kRows * kUsed; ++i) {
    if (choices[i].expert < kFirst) continue;
    const auto row = std::span(x).subspan(i / kUsed * kK, kK);
    std::ranges::copy(one(w, kN, no_bias, choices[i].expert - kFirst, row), &want[i * kN]);
  }
  expect_near(values<float>(y), want, tolerance(kK));
}

TEST_F(ExpertMatvecTest, SumsOverPartsOfTheExperts) {
  constexpr uint32_t kN = 20;
  for (const uint32_t k : {5U, 32U, 544U}) {
    SCOPED_TRACE(k);
    const RandomWeight w(device(), WeightFormat::kF16, kExperts * kN, k, k);
    const std::vector<float> x = random_floats(kRows * kUsed * k, 1);
    const std::vector<float> bias = random_floats(kExperts * kN, 2);
    const std::vector<float> before = random_floats(kRows * kN, 3);
    const auto choices = some_choices();
    const TestBuffer x_buffer = input(x), bias_buffer = input(bias), chosen = input(choices);
    const TestBuffer y = input(before);
    // Experts 0 to 1 and 2 to 4, as where one buffer does not hold them all.
    constexpr uint32_t kFirstPart = 2;
    const size_t bytes = kN * file_row_bytes(WeightFormat::kF16, k);
    const auto part = [&](uint32_t first, uint32_t count) {
      return RandomWeight(device(), WeightFormat::kF16, count * kN, k,
                          std::span(w.blocks()).subspan(first * bytes, count * bytes));
    };
    const RandomWeight left = part(0, kFirstPart), right = part(kFirstPart, kExperts - kFirstPart);
    const SumOfExperts ends{.x = x_buffer, .y = y};
    ExpertProduct product{
        .weight = left, .n = kN, .used = kUsed, .choices = chosen, .bias = bias_buffer};
    Dispatch of_left = expert_matvec(device(), product, ends);
    product.weight = right;
    product.first_expert = kFirstPart;
    const std::array dispatches{std::move(of_left), expert_matvec(device(), product, ends)};
    run(dispatches, {.rows = kRows});
    std::vector<double> want(before.begin(), before.end());
    for (uint32_t i = 0; i < kRows * kUsed; ++i) {
      const auto row = std::span(x).subspan(size_t{i} * k, k);
      const std::vector<double> y_of_one = one(w, kN, bias, choices[i].expert, row);
      for (uint32_t j = 0; j < kN; ++j) {
        want[i / kUsed * kN + j] += double{choices[i].weight} * y_of_one[j];
      }
    }
    expect_near(values<float>(y), want, tolerance(kUsed * k));
  }
}

}  // namespace
}  // namespace weft::kernels
