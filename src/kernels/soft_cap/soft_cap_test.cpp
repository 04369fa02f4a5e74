#include "kernels/soft_cap/soft_cap.h"

#include <cmath>

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class SoftCapTest : public KernelTest {};

TEST_F(SoftCapTest, IsWhatTheFormulaSays) {
  constexpr uint32_t kRows = 3, kCols = 301;
  constexpr float kCap = 30;
  std::vector<float> x = random_floats(kRows * kCols, 1, -100, 100);
  x[0] = 0;
  x[1] = 1e30F;
  x[2] = -1e30F;
  std::vector<double> want;
  for (const float value : x) want.push_back(kCap * std::tanh(double{value} / kCap));
  const TestBuffer buffer = input(x);
  run(soft_cap(device(), kCols, kCap, buffer), {.outputs = kRows});
  expect_near(values<float>(buffer), want, {.absolute = 32 * kEpsilon * kCap});
}

}  // namespace
}  // namespace weft::kernels
