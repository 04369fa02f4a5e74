#include "backend/cpu/quantize_row.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/testing/instruction_sets.h"
#include "backend/cpu/testing/random.h"

namespace weft::backend {
namespace {

using testing::for_each_instruction_set;

TEST(QuantizeRow, RoundsToTheNearestStep) {
  std::mt19937 random(1);
  for (const float limit : {1e-20F, 1e-3F, 1.0F, 1e20F}) {
    const auto values = testing::random_floats(random, 7 * kActivationColumns, limit);
    for_each_instruction_set([&] {
      std::vector<ActivationBlock> blocks(7);
      quantize_row(values, blocks.data(), 1);
      for (size_t b = 0; b < blocks.size(); ++b) {
        const ActivationBlock& block = blocks[b];
        double largest = 0;
        int32_t sums[2] = {};
        for (size_t i = 0; i < kActivationColumns; ++i) {
          const double value = values[b * kActivationColumns + i];
          largest = std::max(largest, std::abs(value));
          const int32_t quant = block.high[i] * 256 + block.low[i];
          const double step = block.scale;
          EXPECT_NEAR(step * quant, value, step * 0.51);
          sums[i / 16] += quant;
        }
        EXPECT_NEAR(block.scale, largest / ActivationBlock::kMaxQuant, block.scale * 1e-6);
        EXPECT_EQ(block.sums[0], sums[0]);
        EXPECT_EQ(block.sums[1], sums[1]);
        EXPECT_FLOAT_EQ(block.sum, block.scale * static_cast<float>(sums[0] + sums[1]));
      }
    });
  }
}

TEST(QuantizeRow, TheEndsOfTheRangeFit) {
  std::vector<float> values(kActivationColumns, 0.0F);
  values[0] = 5;
  values[1] = -5;
  for_each_instruction_set([&] {
    ActivationBlock block;
    quantize_row(values, &block, 1);
    EXPECT_EQ(block.high[0] * 256 + block.low[0], ActivationBlock::kMaxQuant);
    EXPECT_EQ(block.high[1] * 256 + block.low[1], -ActivationBlock::kMaxQuant);
  });
}

TEST(QuantizeRow, ZeroAndNearlyZeroGiveNothing) {
  for (const float value : {0.0F, 1e-38F}) {
    const std::vector<float> values(kActivationColumns, value);
    for_each_instruction_set([&] {
      ActivationBlock block;
      quantize_row(values, &block, 1);
      EXPECT_EQ(block.sum, 0.0F);
      EXPECT_TRUE(std::isfinite(block.scale));
      EXPECT_TRUE(std::ranges::all_of(block.low, [](int8_t q) { return q == 0; }));
    });
  }
}

}  // namespace
}  // namespace weft::backend
