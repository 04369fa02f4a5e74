#include "kernels/swiglu/swiglu.h"

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

class SwigluTest : public KernelTest {
 protected:
  std::vector<float> compute(const std::vector<float>& gate, const std::vector<float>& up,
                             uint32_t cols) {
    const TestBuffer gate_buffer = input(gate), up_buffer = input(up);
    run(swiglu(device(), cols, {.gate = gate_buffer, .up = up_buffer}),
        {.rows = static_cast<uint32_t>(gate.size() / cols)});
    return values<float>(gate_buffer);
  }
};

TEST_F(SwigluTest, IsWhatTheFormulaSays) {
  for (const uint32_t cols : {1U, 7U, 127U, 128U, 129U, 1536U, 4099U}) {
    SCOPED_TRACE(testing::Message() << cols << " columns");
    const std::vector<float> gate = random_floats(3 * cols, 1, -8, 8);
    const std::vector<float> up = random_floats(3 * cols, 2);
    // WGSL lets exp(x) be wrong by 3 + 2 |x| units in the last place.
    expect_near(compute(gate, up, cols), swiglu_ref(gate, up), {.relative = 24 * kEpsilon});
  }
}

TEST_F(SwigluTest, StackedIsWhatTheFormulaSays) {
  for (const Elements elements : {Elements::kF32, Elements::kF16}) {
    if (elements == Elements::kF16 && !device().info().has_f16) continue;
    for (const uint32_t cols : {4U, 508U, 512U, 516U}) {
      SCOPED_TRACE(testing::Message() << cols << " columns");
      const std::vector<float> x = random_floats(6 * cols, cols, -8, 8);
      std::vector<float> gate, up;
      for (uint32_t row = 0; row < 3; ++row) {
        const auto first = x.begin() + 2 * row * cols;
        gate.insert(gate.end(), first, first + cols);
        up.insert(up.end(), first + cols, first + 2 * cols);
      }
      const TestBuffer x_buffer = input(x);
      const bool halves = elements == Elements::kF16;
      const TestBuffer y = halves ? output<uint16_t>(3 * cols) : output<float>(3 * cols);
      run(stacked_swiglu(device(), cols, {.x = x_buffer, .y = y}, elements), {.rows = 3});
      expect_near(halves ? floats_of_halves(values<uint16_t>(y)) : values<float>(y),
                  swiglu_ref(gate, up),
                  {.relative = halves ? 0x1p-10 : 24 * kEpsilon, .absolute = 0x1p-24});
    }
  }
}

TEST_F(SwigluTest, LargeGatesStayFinite) {
  const std::vector<float> gate{-1e30F, -1000, -100, 0, 100, 1e30F}, up(6, 1);
  expect_near(compute(gate, up, 6), swiglu_ref(gate, up),
              {.relative = 4 * kEpsilon, .absolute = 1e-4});
}

}  // namespace
}  // namespace weft::kernels
