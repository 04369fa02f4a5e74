#include "kernels/sigmoid_gate/sigmoid_gate.h"

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class SigmoidGateTest : public KernelTest {};

std::vector<double> reference(std::span<const float> y, std::span<const float> gate) {
  std::vector<double> want;
  for (size_t i = 0; i < y.size(); ++i) want.push_back(sigmoid_gate_ref(y[i], gate[i]));
  return want;
}

TEST_F(SigmoidGateTest, IsWhatTheFormulaSays) {
  for (const uint32_t cols : {1U, 127U, 128U, 129U, 1009U}) {
    const std::vector<float> x = random_floats(size_t{3} * cols, 1);
    std::vector<float> gate = random_floats(x.size(), 2, -9, 9);
    gate[0] = 1e30F;
    gate[1] = -60;
    const TestBuffer y = input(x), in = input(gate);
    run(sigmoid_gate(device(), {.cols = cols}, {.gate = in, .y = y}), {.rows = 3});
    expect_near(values<float>(y), reference(x, gate), {.relative = 128 * kEpsilon});
  }
}

TEST_F(SigmoidGateTest, OfChunks) {
  if (!device().info().has_f16) GTEST_SKIP() << "no f16";
  constexpr uint32_t kCols = 96;
  std::vector<uint16_t> halves;  // 0.5 to 1
  for (const uint32_t word : random_words(size_t{8} * kCols, 1)) {
    halves.push_back(static_cast<uint16_t>(0x3800U + word % 0x400U));
  }
  const std::vector<float> gate = random_floats(halves.size(), 2, -4, 4);
  const TestBuffer y = input(chunks_of_rows(halves, kCols)), in = input(gate);
  run(sigmoid_gate(device(), {.cols = kCols, .y = Elements::kF16Chunks}, {.gate = in, .y = y}),
      {.rows = 8});
  expect_near(rows_of_chunks(values<uint16_t>(y), 8, kCols),
              reference(floats_of_halves(halves), gate), {.relative = 0x1p-10});
}

}  // namespace
}  // namespace weft::kernels
