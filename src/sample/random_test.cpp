#include "sample/random.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

namespace weft::sample {
namespace {

// The known answers that the authors publish with their Random123 library (kat_vectors).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Uniform, IsInRangeAndEven) {
  constexpr int kDraws = 10000;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = uniform(42, static_cast<uint64_t>(i));
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  // Four standard deviations of the mean of uniform numbers.
  EXPECT_NEAR(sum / kDraws, 0.5, 4 / std::sqrt(12.0 * kDraws));
}

TEST(Uniform, UsesAllBitsOfSeedAndPosition) {
  std::set<double> values;
  for (int bit = 0; bit < 64; ++bit) {
    values.insert(uniform(uint64_t{1} << bit, 0));
    values.insert(uniform(0, uint64_t{1} << bit));
  }
  EXPECT_EQ(values.size(), 128U);
}

}  // namespace
}  // namespace weft::sample
