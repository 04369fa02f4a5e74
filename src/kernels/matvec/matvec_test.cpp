#include "kernels/matvec/matvec.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "kernels/matvec/matvec_ref.h"
#include "kernels/testing/kernel_fixture.h"
#include "kernels/testing/random_weight.h"

namespace weft::kernels {
namespace {

// A chain of at most k roundings, and a few in each weight. Minima may be larger than the weights
// that they make.
Tolerance tolerance(std::span<const float> x, uint32_t k) {
  double largest = 0;
  for (const float value : x) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return {.absolute = (k + 16.0) * kEpsilon * std::sqrt(k) * largest};
}

class MatvecTest : public KernelTest {
 protected:
  std::vector<MatvecVariant> variants(uint32_t rows) {
    std::vector<MatvecVariant> all{
        {rows, 2, 8, 8, XQuads::kDirect, LaneSums::kPlain},
        {rows, 1, 8, 1, XQuads::kDirect, LaneSums::kPlain},
        {rows, 3, 4, 16, XQuads::kRagged, LaneSums::kPlain},
    };
    const gpu::AdapterInfo& info = device().info();
    if (!info.has_subgroups || info.subgroup_min < 8) return all;
    all.push_back({rows, 2, 8, 32, XQuads::kDirect, LaneSums::kSubgroup});
    all.push_back({rows, 2, 2, 64, XQuads::kDirect, LaneSums::kSubgroup});
    all.push_back({rows, 4, info.subgroup_max, 1, XQuads::kBroadcast, LaneSums::kSubgroup});
    return all;
  }

  std::vector<float> compute(const Weight& weight, const std::vector<float>& x,
                             const MatvecVariant& variant) {
    const uint32_t rows = static_cast<uint32_t>(x.size()) / weight.layout.cols;
    const TestBuffer x_buffer = input(x);
    const TestBuffer y_buffer = output<float>(size_t{rows} * weight.layout.rows);
    run(matvec(device(),
               {.weight = weight, .x = x_buffer, .y = y_buffer, .y_stride = weight.layout.rows},
               variant),
        {.rows = rows});
    return values<float>(y_buffer);
  }
};

TEST_F(MatvecTest, EveryFormatAndVariant) {
  uint32_t seed = 1;
  for (const WeightFormat format : kAllWeightFormats) {
    for (const uint32_t n : {1U, 17U, 32U}) {
      for (const uint32_t blocks : {1U, 3U, 9U}) {
        const uint32_t k = blocks * std::max(block_of(format), 8U);
        const RandomWeight weight(device(), format, n, k, ++seed);
        const uint32_t rows = 1 + seed % 9;
        const std::vector<float> x = random_floats(size_t{rows} * k, ++seed);
        const std::vector<double> want = product_ref(x, weight.values(), k);
        for (const MatvecVariant& variant : variants(1U << (seed / 2 % 4))) {
          SCOPED_TRACE(testing::Message()
                       << wgsl_name(format) << " [" << n << ", " << k << "], " << rows
                       << " rows, variant of " << variant.rows << " rows, " << variant.lanes_n
                       << " x " << variant.lanes_k << " lanes, x " << static_cast<int>(variant.x)
                       << ", sums " << static_cast<int>(variant.sums));
          expect_near(compute(weight, x, variant), want, tolerance(x, k));
        }
      }
    }
  }
}

}  // namespace
}  // namespace weft::kernels
