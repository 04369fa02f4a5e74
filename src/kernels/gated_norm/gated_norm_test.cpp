#include "kernels/gated_norm/gated_norm.h"

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kRows = 3;
constexpr uint32_t kBefore = 5;  // elements of a row of the gate's buffer before it
constexpr double kEps = 1e-6;

class GatedNormTest : public KernelTest {
 protected:
  void check(uint32_t heads, uint32_t dim, WorkgroupSum sum, Elements elements) {
    SCOPED_TRACE(testing::Message() << heads << " heads of " << dim);
    const uint32_t cols = heads * dim;
    const GatedNorm shape{.heads = heads,
                          .dim = dim,
                          .eps = static_cast<float>(kEps),
                          .gate_stride = kBefore + cols,
                          .first_gate = kBefore,
                          .y = elements};
    const std::vector<float> x = random_floats(size_t{kRows} * cols, 1),
                             w = random_floats(dim, 2, 0.5F, 2),
                             gate = random_floats(size_t{kRows} * cols, 3, -8, 8);
    std::vector<float> gates;
    for (size_t first = 0; first < gate.size(); first += cols) {
      gates.resize(gates.size() + kBefore, std::numeric_limits<float>::quiet_NaN());
      gates.insert(gates.end(), gate.begin() + static_cast<ptrdiff_t>(first),
                   gate.begin() + static_cast<ptrdiff_t>(first + cols));
    }
    const bool chunks = elements == Elements::kF16Chunks;
    const TestBuffer in = input(x), weights = input(w), of_rows = input(gates),
                     y = chunks ? output<uint16_t>(chunks_size(kRows, cols))
                                : output<float>(x.size());
    run(gated_norm(device(), shape, {.x = in, .w = weights, .gate = of_rows, .y = y}, sum),
        {.rows = kRows});
    const std::vector<double> want = gated_norm_ref(x, w, gate, kEps);
    if (chunks) {
      expect_near(rows_of_chunks(values<uint16_t>(y), kRows, cols), want,
                  {.relative = 0x1p-10, .absolute = 0x1p-24});
    } else {
      expect_near(values<float>(y), want, {.relative = 32 * kEpsilon});
    }
  }
};

TEST_F(GatedNormTest, IsWhatTheFormulaSays) {
  for (const WorkgroupSum sum : {WorkgroupSum::kPlain, WorkgroupSum::kSubgroup}) {
    if (sum == WorkgroupSum::kSubgroup && !device().info().has_subgroups) continue;
    for (const uint32_t dim : {1U, 8U, 63U, 64U, 65U, 128U, 131U}) {
      check(3, dim, sum, Elements::kF32);
    }
    if (device().info().has_f16) check(4, 24, sum, Elements::kF16Chunks);
  }
}

}  // namespace
}  // namespace weft::kernels
