#include "kernels/matmul_dot/matmul_dot.h"

#include <array>
#include <cstring>

#include "base/half.h"
#include "kernels/testing/product_fixture.h"

namespace weft::kernels {
namespace {

bool is_quantized(WeightFormat format) { return unit_of(format) == 32; }

class MatmulDotTest : public ProductTest {
 protected:
  void SetUp() override {
    ProductTest::SetUp();
    if (IsSkipped()) return;
    if (!can_matmul_dot(device().info(), weight_layout(WeightFormat::kQ8_0, 1, 32))) {
      GTEST_SKIP() << "no subgroups";
    }
  }

  // Of `product`, whose y is there, after what makes x ready. As many rows as x has.
  void run_product(const Product& product, const std::vector<float>& x,
                   const MatmulDotVariant& variant) {
    const uint32_t k = product.weight.layout.cols;
    const auto rows = static_cast<uint32_t>(x.size() / k);
    const DotScratchBytes bytes = matmul_dot_scratch_bytes(k, rows);
    const TestBuffer x_buffer = input(x);
    const TestBuffer x_bytes = output<std::byte>(bytes.rows);
    const TestBuffer x_lines = output<std::byte>(bytes.lines);
    const DotScratch made{x_bytes, x_lines};
    const std::array dispatches{quantize_units(device(), Count::kRows, x_buffer, k, made),
                                matmul_dot(device(), product, made, variant)};
    run(dispatches, {.rows = rows});
    // What was made lies within its buffers: their canaries are looked at.
    (void)values<std::byte>(x_bytes);
    (void)values<std::byte>(x_lines);
  }

  std::vector<float> compute(const RandomWeight& weight, const std::vector<float>& x,
                             const MatmulDotVariant& variant) {
    const WeightLayout& w = weight.layout();
    const TestBuffer y = output<float>(x.size() / w.cols * w.rows);
    run_product({.weight = weight, .y = y, .y_stride = w.rows}, x, variant);
    return values<float>(y);
  }

  void expect_right(const RandomWeight& weight, uint32_t rows, const MatmulDotVariant& variant) {
    const WeightLayout& w = weight.layout();
    SCOPED_TRACE(testing::Message()
                 << wgsl_name(w.format) << " [" << w.rows << ", " << w.cols << "], " << rows
                 << " rows in tiles of " << variant.tile_rows << " x " << variant.tile_n);
    const std::vector<float> x = random_floats(size_t{rows} * w.cols, rows);
    expect_near(compute(weight, x, variant), product_ref(x, weight.values(), w.cols),
                rounded_tolerance(w.cols));
  }
};

TEST_F(MatmulDotTest, EveryFormat) {
  for (const WeightFormat format : kAllWeightFormats) {
    if (!is_quantized(format)) continue;
    for (const uint32_t blocks : {1U, 3U}) {
      const uint32_t k = blocks * block_of(format);
      const RandomWeight weight(device(), format, 33, k, k);
      expect_right(weight, 17, {8, 16, Loops::kKept});
    }
  }
}

TEST_F(MatmulDotTest, EveryTileForAnyRows) {
  for (const uint32_t n : {1U, 63U, 64U, 129U}) {
    const RandomWeight weight(device(), WeightFormat::kQ4_1, n, 160, n);
    for (const uint32_t rows : {1U, 2U, 16U, 33U, 64U, 65U, 150U}) {
      expect_right(weight, rows, matmul_dot_variant(device().info(), weight.layout(), rows));
    }
    expect_right(weight, 150, {64, 128, Loops::kKept});
    expect_right(weight, 130, {128, 64, Loops::kKept});
  }
}

TEST_F(MatmulDotTest, LoopsThatAreWrittenOut) {
  const RandomWeight weight(device(), WeightFormat::kQ6_K, 35, 512, 1);
  expect_right(weight, 19, {16, 32, Loops::kUnrolled});
}

// x and W are whole numbers that their formats hold, as large as they can be in a unit: what
// comes out is their product, rounded to f32 once.
TEST_F(MatmulDotTest, SumsOfAUnitAreExact) {
  constexpr uint32_t kRows = 9, kN = 21, kUnit = 32, kBlockBytes = 34;
  std::vector<std::byte> blocks(kN * kBlockBytes);
  const std::vector<uint32_t> random = random_words((kN + kRows) * kUnit, 3);
  const uint16_t one = float_to_half(1);
  std::vector<int64_t> w, x;
  for (uint32_t i = 0; i < kN * kUnit; ++i) {
    const auto level = static_cast<int8_t>(i / kUnit == 0 ? -128 : random[i] & 0xffU);
    std::byte* block = blocks.data() + i / kUnit * kBlockBytes;
    std::memcpy(block, &one, sizeof one);
    std::memcpy(block + 2 + i % kUnit, &level, 1);
    w.push_back(level);
  }
  for (uint32_t i = 0; i < kRows * kUnit; ++i) {
    const auto level = static_cast<int64_t>(random[kN * kUnit + i] % 65025) - 32512;
    x.push_back(i % kUnit == 0 || i / kUnit == 0 ? -32512 : level);
  }
  std::vector<float> want;
  for (uint32_t row = 0; row < kRows; ++row) {
    for (uint32_t n = 0; n < kN; ++n) {
      int64_t sum = 0;
      for (uint32_t i = 0; i < kUnit; ++i) sum += w[n * kUnit + i] * x[row * kUnit + i];
      want.push_back(static_cast<float>(sum));
    }
  }
  const RandomWeight weight(device(), WeightFormat::kQ8_0, kN, kUnit, blocks);
  EXPECT_EQ(compute(weight, {x.begin(), x.end()}, {8, 16, Loops::kKept}), want);
}

TEST_F(MatmulDotTest, AddsBiasAndWhatYHoldsInItsColumns) {
  constexpr uint32_t kRows = 5, kN = 37, kK = 64, kFirst = 3, kStride = kN + 5;
  const RandomWeight weight(device(), WeightFormat::kQ5_1, kN, kK, 1);
  const std::vector<float> x = random_floats(kRows * kK, 2);
  const std::vector<float> bias = random_floats(kN, 3);
  const std::vector<float> before = random_floats(kRows * kStride, 4);
  const std::vector<double> plain = product_ref(x, weight.values(), kK);
  std::vector<double> want(before.begin(), before.end());
  for (size_t i = 0; i < plain.size(); ++i) {
    want[i / kN * kStride + kFirst + i % kN] += plain[i] + bias[i % kN];
  }
  const TestBuffer bias_buffer = input(bias), y = input(before);
  run_product({.weight = weight,
               .y = y,
               .bias = bias_buffer,
               .y_stride = kStride,
               .y_first = kFirst,
               .store = Store::kAdd},
              x, {16, 32, Loops::kKept});
  expect_near(values<float>(y), want, rounded_tolerance(kK));
}

TEST_F(MatmulDotTest, ZerosStayZeros) {
  const RandomWeight weight(device(), WeightFormat::kQ4_K, 8, 256, 1);
  EXPECT_EQ(compute(weight, std::vector<float>(512, 0.0F), {8, 16, Loops::kKept}),
            std::vector<float>(16, 0.0F));
}

TEST_F(MatmulDotTest, FloatsAndOtherDevicesAreLeftToOthers) {
  gpu::AdapterInfo info = device().info();
  EXPECT_FALSE(can_matmul_dot(info, weight_layout(WeightFormat::kF16, 8, 32)));
  EXPECT_TRUE(can_matmul_dot(info, weight_layout(WeightFormat::kMXFP4, 8, 32)));
  info.has_packed_dots = false;
  EXPECT_FALSE(can_matmul_dot(info, weight_layout(WeightFormat::kMXFP4, 8, 32)));
  info = device().info();
  info.has_subgroups = false;
  EXPECT_FALSE(can_matmul_dot(info, weight_layout(WeightFormat::kMXFP4, 8, 32)));
}

}  // namespace
}  // namespace weft::kernels
