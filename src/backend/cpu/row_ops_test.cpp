#include "backend/cpu/row_ops.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/testing/instruction_sets.h"
#include "backend/cpu/testing/random.h"

namespace weft::backend {
namespace {

using testing::for_each_instruction_set;

constexpr size_t kSizes[] = {1, 3, 4, 7, 8, 15, 16, 17, 576, 1009};

TEST(RmsNorm, MatchesDoublePrecision) {
  std::mt19937 random(1);
  for (const size_t n : kSizes) {
    const auto x = testing::random_floats(random, n, 5.0F);
    const auto weight = testing::random_floats(random, n);
    double squares = 0;
    for (const float value : x) squares += static_cast<double>(value) * value;
    const double factor = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
    for_each_instruction_set([&] {
      std::vector<float> out(n);
      rms_norm(x, weight, 1e-5F, out);
      for (size_t i = 0; i < n; ++i) {
        const double expected = x[i] * factor * weight[i];
        ASSERT_NEAR(out[i], expected, std::abs(expected) * 0x1p-20) << n;
      }
    });
  }
}

TEST(SwiGlu, MatchesDoublePrecision) {
  std::mt19937 random(2);
  for (const size_t n : kSizes) {
    auto gate = testing::random_floats(random, n, 20.0F);
    gate[0] = n % 2 == 0 ? 300.0F : -300.0F;
    const auto up = testing::random_floats(random, n, 3.0F);
    for_each_instruction_set([&] {
      std::vector<float> out = gate;
      swiglu(out, up);
      for (size_t i = 0; i < n; ++i) {
        const double x = gate[i];
        const double expected = x / (1 + std::exp(-x)) * up[i];
        ASSERT_NEAR(out[i], expected, std::abs(expected) * 0x1p-20 + 1e-30) << n << ": " << x;
      }
    });
  }
}

TEST(Rope, RotatesPairsByTheirAngles) {
  std::mt19937 random(3);
  for (const uint32_t pairs : {1U, 4U, 16U, 35U}) {  // of heads with four values more
    const uint32_t head_dim = 2 * pairs + 4;
    const model::Rope rope{.pairs = model::RopePairs::kAdjacent,
                           .dims = 2 * pairs,
                           .inv_freq = testing::random_floats(random, pairs)};
    const auto heads = testing::random_floats(random, size_t{2} * head_dim);
    std::vector<float> cosines(pairs);
    std::vector<float> sines(pairs);
    const RotationRow rotation{.cos = cosines, .sin = sines};
    for (const uint32_t pos : {0U, 1U, 100'003U}) {
      fill_rotation(rope, pos, rotation);
      for_each_instruction_set([&] {
        for (const bool half : {false, true}) {
          std::vector<float> out = heads;
          rotate(out, head_dim, half ? model::RopePairs::kHalf : model::RopePairs::kAdjacent,
                 rotation);
          for (size_t head = 0; head < heads.size(); head += head_dim) {
            for (size_t i = 0; i < pairs; ++i) {
              const size_t a = head + (half ? i : 2 * i);
              const size_t b = half ? a + pairs : a + 1;
              const double angle = pos * static_cast<double>(rope.inv_freq[i]);
              EXPECT_NEAR(out[a], heads[a] * std::cos(angle) - heads[b] * std::sin(angle), 1e-6);
              EXPECT_NEAR(out[b], heads[a] * std::sin(angle) + heads[b] * std::cos(angle), 1e-6);
            }
            for (size_t i = head + 2 * pairs; i < head + head_dim; ++i) EXPECT_EQ(out[i], heads[i]);
          }
        }
      });
    }
  }
}

}  // namespace
}  // namespace weft::backend
