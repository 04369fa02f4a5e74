#include "kernels/expert_sum/expert_sum.h"

#include "kernels/route/route.h"
#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class ExpertSumTest : public KernelTest {};

TEST_F(ExpertSumTest, AddsWhatChoicesGaveTimesTheirWeights) {
  for (const uint32_t cols : {4U, 508U, 512U, 516U}) {
    for (const uint32_t used : {1U, 3U}) {
      constexpr uint32_t kRows = 3;
      const std::vector<float> x = random_floats(size_t{kRows} * used * cols, cols);
      const std::vector<float> weights = random_floats(size_t{kRows} * used, 1);
      const std::vector<float> before = random_floats(size_t{kRows} * cols, 2);
      std::vector<ExpertChoice> choices;
      for (const float weight : weights) choices.push_back({7, weight});
      const TestBuffer x_buffer = input(x), chosen = input(choices), y = input(before);
      run(expert_sum(device(), used, cols, {.x = x_buffer, .choices = chosen, .y = y}),
          {.rows = kRows});
      std::vector<double> want(before.begin(), before.end());
      for (size_t i = 0; i < x.size(); ++i) {
        want[i / (used * cols) * cols + i % cols] += double{weights[i / cols]} * double{x[i]};
      }
      expect_near(values<float>(y), want, {.absolute = 2 * (used + 1) * kEpsilon});
    }
  }
}

}  // namespace
}  // namespace weft::kernels
