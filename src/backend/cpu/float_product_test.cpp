#include "backend/cpu/float_product.h"

#include <algorithm>
#include <cmath>
#include <limits>
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
  SourceRows weights;
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
    const AlignedArray<float> out(n * kTileRows);
    std::ranges::fill(out.values(), std::numeric_limits<float>::quiet_NaN());
    const DecodeScratch scratch(weights.cols);
    const AlignedArray<std::byte> packed(packed_tile_bytes(weights.type, weights.cols));
    PackedTile tile{weights.type, packed.data(), weights.cols};
    if (is_float(weights.type)) {
      pack_tile(weights, packed.data());
    } else {
      tile = decode_tile(weights, scratch);
    }
    multiply_floats(tile, {&x[first_x * stride], stride, n}, out.data());
    return {out.values().begin(), out.values().end()};
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
      // Each product rounds the sum of its piece, and each piece the whole.
      const double roundings = std::min(c.weights.cols, kFloatPieceCols) + c.weights.cols / 128.0;
      const double tolerance = 0x1p-24 * (roundings + 2) * magnitude;
      ASSERT_NEAR(out[r * kTileRows + row], value, tolerance)
          << c.weights.rows << " x " << c.weights.cols << ", row " << row << ", x " << r;
    }
  }
}

TEST(FloatProduct, MatchesDoublePrecision) {
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kBF16}) {
    SCOPED_TRACE(formats::info(type).name);
    for (const uint32_t cols : {1U, 3U, 31U, 32U, 33U, 127U, 128U, 129U, 401U}) {
      for (const uint32_t rows : {1U, 5U, 31U, 32U}) {
        const Case c(type, rows, cols, 17);  // as 12, 4 and 1, or 6, 6, 4 and 1
        for_each_instruction_set([&] { expect_right(c, c.multiply(0, c.n_x)); });
      }
    }
  }
}

TEST(FloatProduct, UnpacksTypesWithoutAKernelOfTheirOwn) {
  for (const TensorType type : {TensorType::kQ2_K, TensorType::kQ3_K, TensorType::kIQ2_XS,
                                TensorType::kIQ3_S, TensorType::kIQ1_S}) {
    SCOPED_TRACE(formats::info(type).name);
    const Case c(type, 9, 512, 3);
    for_each_instruction_set([&] { expect_right(c, c.multiply(0, c.n_x)); });
  }
}

TEST(FloatProduct, BitsDoNotDependOnTheOtherRows) {
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kQ2_K}) {
    const Case c(type, 16, 768, 23);
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
