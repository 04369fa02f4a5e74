#include "kernels/swiglu/swiglu.h"

#include "kernels/elements.h"
#include "kernels/route/route.h"
#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class SwigluTest : public KernelTest {
 protected:
  // For [rows, cols] gate and up.
  std::vector<float> compute(std::span<const float> gate, std::span<const float> up,
                             const Swiglu& shape) {
    const uint32_t cols = shape.cols;
    std::vector<float> gate_up;
    for (size_t i = 0; i < gate.size(); i += cols) {
      for (const auto& x : {gate, up}) {
        const auto row = x.subspan(i, cols);
        gate_up.insert(gate_up.end(), row.begin(), row.end());
      }
    }
    const TestBuffer x = input(gate_up);
    const bool chunks = shape.y == Elements::kF16Chunks;
    const size_t rows = gate.size() / cols;
    const TestBuffer y =
        chunks ? output<uint16_t>(chunks_size(rows, cols)) : output<float>(gate.size());
    run(swiglu(device(), shape, {.gate_up = x, .y = y}), {.rows = static_cast<uint32_t>(rows)});
    return chunks ? rows_of_chunks(values<uint16_t>(y), rows, cols) : values<float>(y);
  }
};

constexpr Activation kActivations[] = {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh,
                                       Activation::kClampedSwiglu};

TEST_F(SwigluTest, IsWhatTheFormulaSays) {
  for (const Activation activation : kActivations) {
    for (const uint32_t cols : {4U, 32U, 508U, 512U, 516U, 544U, 4100U}) {
      SCOPED_TRACE(testing::Message() << cols << " columns, " << wgsl_name(activation));
      const std::vector<float> gate = random_floats(3 * cols, 1, -8, 8);
      const std::vector<float> up = random_floats(3 * cols, 2, -9, 9);
      const std::vector<double> want = swiglu_ref(gate, up, activation);
      // WGSL lets exp(x) be wrong by 3 + 2 |x| units in the last place; the x of GELU is rounded
      // besides, and its result as good as 0 where x is far from it.
      const double absolute = activation == Activation::kSilu ? 0 : 24 * 9 * kEpsilon;
      expect_near(compute(gate, up, {.cols = cols, .activation = activation}), want,
                  {.relative = 24 * kEpsilon, .absolute = absolute});
      if (!device().info().has_f16 || cols % 32 != 0) continue;
      const Swiglu halves{.cols = cols, .activation = activation, .y = Elements::kF16Chunks};
      expect_near(compute(gate, up, halves), want,
                  {.relative = 0x1p-10, .absolute = 0x1p-24 + absolute});
    }
  }
}

TEST_F(SwigluTest, WithoutGate) {
  constexpr uint32_t kCols = 516;
  const std::vector<float> up = random_floats(3 * kCols, 3, -8, 8), ones(up.size(), 1);
  for (const Activation activation : kActivations) {
    if (activation == Activation::kClampedSwiglu) continue;
    const TestBuffer x = input(up), y = output<float>(up.size());
    run(swiglu(device(), {.cols = kCols, .activation = activation, .gated = false},
               {.gate_up = x, .y = y}),
        {.rows = 3});
    expect_near(values<float>(y), swiglu_ref(up, ones, activation),
                {.relative = 24 * kEpsilon, .absolute = 24 * kEpsilon});
  }
}

TEST_F(SwigluTest, SeveralRowsForEachOfTheStep) {
  constexpr uint32_t kCols = 36, kEach = 3;
  const std::vector<float> gate_up = random_floats(2 * kEach * 2 * kCols, 4);
  std::vector<float> gate, up;
  for (size_t i = 0; i < gate_up.size(); i += kCols) {
    std::vector<float>& part = i / kCols % 2 == 0 ? gate : up;
    part.insert(part.end(), &gate_up[i], &gate_up[i] + kCols);
  }
  const TestBuffer x = input(gate_up), y = output<float>(gate.size());
  run(swiglu(device(), {.cols = kCols, .rows_each = kEach}, {.gate_up = x, .y = y}), {.rows = 2});
  expect_near(values<float>(y), swiglu_ref(gate, up, Activation::kSilu),
              {.relative = 24 * kEpsilon});

  std::vector<ExpertChoice> choices;
  for (uint32_t row = 0; row < 2 * kEach; ++row) choices.push_back({.weight = 0.25F * row + 0.5F});
  for (size_t i = 0; i < gate.size(); ++i) gate[i] *= choices[i / kCols].weight;
  const TestBuffer weighed = output<float>(gate.size());
  run(swiglu(device(), {.cols = kCols, .rows_each = kEach},
             {.gate_up = x, .y = weighed, .choices = input(choices)}),
      {.rows = 2});
  expect_near(values<float>(weighed), swiglu_ref(gate, up, Activation::kSilu),
              {.relative = 25 * kEpsilon});
}

TEST_F(SwigluTest, LargeGatesStayFinite) {
  const std::vector<float> gate{-1e30F, -1000, -100, -1, 0, 1, 100, 1e30F}, up(8, 1);
  for (const Activation activation : kActivations) {
    expect_near(compute(gate, up, {.cols = 8, .activation = activation}),
                swiglu_ref(gate, up, activation), {.relative = 4 * kEpsilon, .absolute = 1e-4});
  }
}

}  // namespace
}  // namespace weft::kernels
