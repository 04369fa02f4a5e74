#include "backend/cpu/float_product.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/testing/instruction_sets.h"
#include "backend/cpu/testing/random.h"
#include "formats/dequantize.h"

namespace weft::backend {
namespace {

using formats::TensorType;
using testing::for_each_instruction_set;

struct Case {
  FloatRows weights;
  std::vector<std::byte> bytes;
  std::vector<float> decoded;
  std::vector<float> x;  // [n_x, stride]
  size_t stride;
  uint32_t n_x;

  Case(TensorType type, uint32_t rows, uint32_t cols, uint32_t n)
      : decoded(size_t{rows} * cols), stride(cols + 5), n_x(n) {
    std::mt19937 random(rows * 31 + cols + n);
    bytes = testing::random_weights(random, type, decoded.size());
    EXPECT_TRUE(formats::dequantize(type, bytes, decoded));
    x = testing::random_floats(random, n * stride, 3.0F);
    weights = {type, bytes.data(), bytes.size() / rows, rows, cols};
  }

  [[nodiscard]] std::vector<float> multiply(uint32_t first_x, uint32_t n) const {
    std::vector<float> out(n * kTileRows);
    const FloatScratch scratch(weights.cols);
    multiply_float(weights, &x[first_x * stride], stride, n, scratch, out.data());
    return out;
  }
};

void expect_right(const Case& c, const std::vector<float>& out) {
  for (uint32_t r = 0; r < c.n_x; ++r) {
    for (uint32_t row = 0; row < c.weights.rows; ++row) {
      double value = 0;
      double magnitude = 0;
      for (uint32_t col = 0; col < c.weights.cols; ++col) {
        const double product =
            static_cast<double>(c.decoded[row * c.weights.cols + col]) * c.x[r * c.stride + col];
        value += product;
        magnitude += std::abs(product);
      }
      const double tolerance = 0x1p-23 * (c.weights.cols / 4.0 + 4) * magnitude;
      ASSERT_NEAR(out[r * kTileRows + row], value, tolerance)
          << c.weights.rows << " x " << c.weights.cols << ", row " << row << ", x " << r;
    }
  }
}

TEST(FloatProduct, MatchesDoublePrecision) {
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kBF16}) {
    SCOPED_TRACE(formats::info(type).name);
    for (const uint32_t cols : {1U, 3U, 4U, 7U, 15U, 16U, 17U, 33U, 211U}) {
      for (const uint32_t rows : {1U, 4U, 5U, 16U}) {
        const Case c(type, rows, cols, 6);
        for_each_instruction_set([&] { expect_right(c, c.multiply(0, c.n_x)); });
      }
    }
  }
}

TEST(FloatProduct, UnpacksTypesWithoutAKernelOfTheirOwn) {
  for (const TensorType type :
       {TensorType::kQ2_K, TensorType::kQ3_K, TensorType::kIQ4_NL, TensorType::kIQ4_XS,
        TensorType::kIQ2_XS, TensorType::kIQ3_S, TensorType::kIQ1_S}) {
    SCOPED_TRACE(formats::info(type).name);
    const Case c(type, 9, 512, 3);
    for_each_instruction_set([&] { expect_right(c, c.multiply(0, c.n_x)); });
  }
}

TEST(FloatProduct, BitsDoNotDependOnTheOtherRows) {
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kQ2_K}) {
    const Case c(type, 16, 768, 7);
    for_each_instruction_set([&] {
      const auto together = c.multiply(0, c.n_x);
      for (uint32_t r = 0; r < c.n_x; ++r) {
        const auto alone = c.multiply(r, 1);
        EXPECT_TRUE(std::equal(alone.begin(), alone.end(), &together[r * kTileRows]));
      }
    });
  }
}

}  // namespace
}  // namespace weft::backend
