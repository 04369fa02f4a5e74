#include "kernels/row_gate/row_gate.h"

#include <cmath>

#include "base/half.h"
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
    run(row_gate(device(), {.cols = cols}, {.logits = logit_buffer, .x = buffer}),
        {.rows = static_cast<uint32_t>(logits.size())});
    expect_near(values<float>(buffer), want, {.relative = 32 * kEpsilon, .absolute = 1e-30});
  }
}

TEST_F(RowGateTest, ScalesHalvesInChunks) {
  if (!device().info().has_f16) GTEST_SKIP() << "no f16";
  constexpr uint32_t kRows = 11, kCols = 96;
  const std::vector<float> logits = random_floats(kRows, 1, -4, 4);
  std::vector<uint16_t> halves;
  std::vector<double> want;
  for (const float value : random_floats(kRows * kCols, 2)) {
    halves.push_back(float_to_half(value));
    want.push_back(double{half_to_float(halves.back())} /
                   (1 + std::exp(-double{logits[want.size() / kCols]})));
  }
  const TestBuffer logit_buffer = input(logits), buffer = input(chunks_of_rows(halves, kCols));
  run(row_gate(device(), {.cols = kCols, .x = Elements::kF16Chunks},
               {.logits = logit_buffer, .x = buffer}),
      {.rows = kRows});
  expect_near(rows_of_chunks(values<uint16_t>(buffer), kRows, kCols), want,
              {.relative = 1e-3, .absolute = 1e-7});
}

}  // namespace
}  // namespace weft::kernels
