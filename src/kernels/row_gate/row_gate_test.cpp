#include "kernels/row_gate/row_gate.h"

#include <cmath>

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class RowGateTest : public KernelTest {};

TEST_F(RowGateTest, IsWhatTheFormulaSays) {
  const std::vector<float> logits{-1e30F, -9, -0.5F, 0, 3, 1e30F};
  for (const uint32_t cols : {1U, 255U, 256U, 257U}) {
    const std::vector<float> x = random_floats(logits.size() * cols, cols);
    std::vector<double> want;
    for (size_t i = 0; i < x.size(); ++i) {
      want.push_back(double{x[i]} / (1 + std::exp(-double{logits[i / cols]})));
    }
    const TestBuffer logit_buffer = input(logits), buffer = input(x);
    run(row_gate(device(), cols, {.logits = logit_buffer, .x = buffer}),
        {.rows = static_cast<uint32_t>(logits.size())});
    expect_near(values<float>(buffer), want, {.relative = 32 * kEpsilon, .absolute = 1e-30});
  }
}

}  // namespace
}  // namespace weft::kernels
