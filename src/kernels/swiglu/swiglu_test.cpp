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

TEST_F(SwigluTest, LargeGatesStayFinite) {
  const std::vector<float> gate{-1e30F, -1000, -100, 0, 100, 1e30F}, up(6, 1);
  expect_near(compute(gate, up, 6), swiglu_ref(gate, up),
              {.relative = 4 * kEpsilon, .absolute = 1e-4});
}

}  // namespace
}  // namespace weft::kernels
