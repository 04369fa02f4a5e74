#include "kernels/qk_norm/qk_norm.h"

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

constexpr float kEps = 1e-5F;
constexpr uint32_t kRows = 3;
constexpr uint32_t kRest = 5;  // elements of a row that stay

class QkNormTest : public KernelTest {
 protected:
  // What rms_norm_ref() makes of each part.
  static std::vector<double> reference(const QkNorm& shape, const std::vector<float>& x,
                                       std::span<const float> w) {
    std::vector<double> y;
    for (size_t row = 0; row < kRows; ++row) {
      auto rest = std::span(x).subspan(row * shape.row_width, shape.row_width);
      const auto take = [&](uint32_t parts, uint32_t size, size_t first_w) {
        const auto normed = rms_norm_ref(rest.first(parts * size), w.subspan(first_w, size), kEps);
        y.insert(y.end(), normed.begin(), normed.end());
        rest = rest.subspan(parts * size);
      };
      take(shape.q_parts, shape.q_size, 0);
      take(shape.k_parts, shape.k_size, shape.q_size);
      y.insert(y.end(), rest.begin(), rest.end());
    }
    return y;
  }

  void check(QkNorm shape) {
    SCOPED_TRACE(testing::Message() << shape.q_parts << " parts of " << shape.q_size << ", "
                                    << shape.k_parts << " of " << shape.k_size);
    shape.row_width = shape.q_parts * shape.q_size + shape.k_parts * shape.k_size + kRest;
    shape.eps = kEps;
    const std::vector<float> x = random_floats(size_t{kRows} * shape.row_width, 1);
    const std::vector<float> w = random_floats(shape.q_size + shape.k_size, 2, 0.5F, 2);
    for (const WorkgroupSum sum : {WorkgroupSum::kPlain, WorkgroupSum::kSubgroup}) {
      if (sum == WorkgroupSum::kSubgroup && !device().info().has_subgroups) continue;
      const TestBuffer x_buffer = input(x), w_buffer = input(w);
      run(qk_norm(device(), shape, {.w = w_buffer, .x = x_buffer}, sum), {.rows = kRows});
      expect_near(values<float>(x_buffer), reference(shape, x, w), {.relative = 32 * kEpsilon});
    }
  }
};

TEST_F(QkNormTest, OfHeads) {
  check({.q_parts = 1, .q_size = 4, .k_parts = 1, .k_size = 4});
  check({.q_parts = 4, .q_size = 12, .k_parts = 2, .k_size = 12});
  check({.q_parts = 9, .q_size = 128, .k_parts = 3, .k_size = 128});
}

TEST_F(QkNormTest, OfAllHeadsAsOne) {
  check({.q_parts = 1, .q_size = 2052, .k_parts = 1, .k_size = 516});
}

}  // namespace
}  // namespace weft::kernels
