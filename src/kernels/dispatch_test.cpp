#include "kernels/dispatch.h"

#include <gtest/gtest.h>

namespace weft::kernels {
namespace {

constexpr StepCounts kStep{.rows = 7, .outputs = 2, .tiles = 3, .length = 99};

TEST(Dispatch, CountsAreThoseOfTheStep) {
  EXPECT_EQ(count_of(Count::kOne, kStep), 1U);
  EXPECT_EQ(count_of(Count::kRows, kStep), 7U);
  EXPECT_EQ(count_of(Count::kOutputs, kStep), 2U);
  EXPECT_EQ(count_of(Count::kTiles, kStep), 3U);
  EXPECT_EQ(count_of(Count::kLength, kStep), 99U);
}

TEST(Dispatch, WorkgroupsAreThoseOfTheFormula) {
  EXPECT_EQ(workgroups({}, kStep), 1U);
  EXPECT_EQ(workgroups({.fixed = 5}, kStep), 5U);
  EXPECT_EQ(workgroups({.count = Count::kRows, .fixed = 3, .per_group = 4}, kStep), 6U);
  EXPECT_EQ(workgroups({.count = Count::kRows, .fixed = 3, .per_group = 4, .more = 9}, kStep), 15U);
  EXPECT_EQ(workgroups({.count = Count::kRows, .fixed = 3, .per_group = 4, .more = 99}, kStep),
            21U);
}

TEST(Dispatch, ImmediatesHoldTheStructAndTheNewFirstWord) {
  struct Params {
    uint32_t rows;
    float eps;
  };
  Immediates immediates(Params{.rows = 1, .eps = 0.5F});
  immediates.set_first(5);
  Params params{};
  ASSERT_EQ(immediates.bytes().size(), sizeof params);
  std::memcpy(&params, immediates.bytes().data(), sizeof params);
  EXPECT_EQ(params.rows, 5U);
  EXPECT_EQ(params.eps, 0.5F);
}

}  // namespace
}  // namespace weft::kernels
