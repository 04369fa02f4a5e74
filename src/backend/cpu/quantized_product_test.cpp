#include "backend/cpu/quantized_product.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/aligned.h"
#include "backend/cpu/amx.h"
#include "backend/cpu/pack_weights.h"
#include "backend/cpu/testing/instruction_sets.h"
#include "backend/cpu/testing/random.h"
#include "formats/dequantize.h"

namespace weft::backend {
namespace {

using formats::TensorType;
using testing::for_each_instruction_set;

constexpr TensorType kTypes[] = {TensorType::kQ4_0,   TensorType::kQ4_1, TensorType::kQ5_0,
                                 TensorType::kQ5_1,   TensorType::kQ8_0, TensorType::kQ4_K,
                                 TensorType::kQ5_K,   TensorType::kQ6_K, TensorType::kIQ4_NL,
                                 TensorType::kIQ4_XS, TensorType::kMXFP4};

struct Case {
  SourceRows weights;
  std::vector<std::byte> bytes;
  std::vector<float> decoded;           // [rows, cols]
  std::vector<float> x;                 // [n_x, cols]
  std::vector<ActivationBlock> blocks;  // of x: [cols / kActivationColumns, n_x]
  uint32_t n_x;

  Case(TensorType type, uint32_t rows, uint32_t cols, uint32_t n) : decoded(rows * cols), n_x(n) {
    std::mt19937 random(rows * 31 + cols + n);
    bytes = testing::random_weights(random, type, decoded.size());
    EXPECT_TRUE(formats::dequantize(type, bytes, decoded));
    x = testing::random_floats(random, size_t{n} * cols, 3.0F);
    blocks.resize(x.size() / kActivationColumns);
    for (uint32_t r = 0; r < n; ++r) quantize_row({&x[size_t{r} * cols], cols}, &blocks[r], n);
    weights = {type, bytes.data(), bytes.size() / rows, rows, cols};
  }

  [[nodiscard]] const ActivationBlock& block(uint32_t r, uint32_t col) const {
    return blocks[col / kActivationColumns * n_x + r];
  }

  [[nodiscard]] std::vector<float> multiply(uint32_t first_x, uint32_t n,
                                            Unit unit = Unit::kVectors) const {
    const AlignedArray<float> out(n * kTileRows);
    std::ranges::fill(out.values(), std::numeric_limits<float>::quiet_NaN());
    const AlignedArray<std::byte> tile(packed_tile_bytes(weights.type, weights.cols));
    pack_tile(weights, tile.data());
    multiply_quantized({weights.type, tile.data(), weights.cols}, {&blocks[first_x], n_x, n}, unit,
                       out.data());
    return {out.values().begin(), out.values().end()};
  }

  // The product with activations as they were rounded, and what its error may be.
  struct Expected {
    double value, tolerance;
  };
  [[nodiscard]] Expected expected(uint32_t row, uint32_t r) const {
    double value = 0;
    double magnitude = 0;
    double largest_weight = 0;
    for (uint32_t col = 0; col < weights.cols; ++col) {
      const ActivationBlock& at = block(r, col);
      const uint32_t i = col % kActivationColumns;
      const double a = static_cast<double>(at.scale) * (at.high[i] * 256 + at.low[i]);
      const double w = decoded[row * weights.cols + col];
      value += w * a;
      magnitude += std::abs(a);
      largest_weight = std::max(largest_weight, std::abs(w));
    }
    // Each of cols / 32 additions may round the whole sum; a product is scale * q + min of at most
    // twice the weight.
    const double roundings = weights.cols / 32.0 + 4;
    return {value, 0x1p-24 * roundings * 2 * largest_weight * magnitude};
  }
};

TEST(QuantizedProduct, MatchesDoublePrecisionForEveryTypeAndInstructionSet) {
  for (const TensorType type : kTypes) {
    SCOPED_TRACE(formats::info(type).name);
    const uint32_t block = formats::info(type).block_elements;
    for (const uint32_t cols : {block, 3 * block, 1024U, 1024U + block}) {
      for (const uint32_t rows : {1U, 15U, 16U, 17U, 32U}) {
        const Case c(type, rows, cols, 7);  // as 4, 2 and 1
        for_each_instruction_set([&] {
          const auto out = c.multiply(0, c.n_x);
          for (uint32_t r = 0; r < c.n_x; ++r) {
            for (uint32_t row = 0; row < rows; ++row) {
              const auto [value, tolerance] = c.expected(row, r);
              ASSERT_NEAR(out[r * kTileRows + row], value, tolerance)
                  << rows << " x " << cols << ", row " << row << ", x " << r;
            }
          }
        });
      }
    }
  }
}

TEST(QuantizedProduct, BitsDoNotDependOnTheOtherRowsOfActivations) {
  for (const TensorType type : kTypes) {
    SCOPED_TRACE(formats::info(type).name);
    const Case c(type, 32, 1536, 23);
    for_each_instruction_set([&] {
      const auto together = c.multiply(0, c.n_x);
      for (uint32_t r = 0; r < c.n_x; ++r) {
        const auto alone = c.multiply(r, 1);
        ASSERT_TRUE(std::equal(alone.begin(), alone.end(), &together[r * kTileRows])) << r;
      }
    });
  }
}

TEST(QuantizedProduct, AmxGivesTheBitsOfVectors) {
  if (!amx::available()) GTEST_SKIP() << "This processor has no AMX.";
  for (const TensorType type : kTypes) {
    SCOPED_TRACE(formats::info(type).name);
    for (const uint32_t n : {1U, 5U, 16U, 17U, 40U}) {
      const Case c(type, 32, 1536, n);
      EXPECT_EQ(c.multiply(0, n, Unit::kAmx), c.multiply(0, n)) << n;
    }
  }
}

TEST(QuantizedProduct, ExtremeQuantsAreExact) {
  // All weights and activations at the ends of their ranges: the largest sums there are.
  for (const auto fill : {std::byte{0x00}, std::byte{0x7f}, std::byte{0x80}, std::byte{0xff}}) {
    Case c(TensorType::kQ8_0, 32, 64, 1);
    std::ranges::fill(c.bytes, fill);
    for (size_t block = 0; block < c.bytes.size(); block += 34) {
      const uint16_t one = float_to_half(1.0F);
      std::memcpy(&c.bytes[block], &one, 2);
    }
    ASSERT_TRUE(formats::dequantize(TensorType::kQ8_0, c.bytes, c.decoded));
    std::ranges::fill(c.x, -1.0F);
    quantize_row(c.x, c.blocks.data(), 1);
    for_each_instruction_set([&] {
      const auto [value, tolerance] = c.expected(0, 0);
      EXPECT_NEAR(c.multiply(0, 1)[0], value, std::abs(value) * 0x1p-23);
    });
    if (amx::available()) {
      EXPECT_EQ(c.multiply(0, 1, Unit::kAmx), c.multiply(0, 1));
    }
  }
}

}  // namespace
}  // namespace weft::backend
