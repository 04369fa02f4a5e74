// Products of many rows with the experts that they chose, in tiles of f32, of packed dots and on
// matrix units.
#include "base/half.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul_dot/matmul_dot.h"
#include "kernels/matmul_subgroup/matmul_subgroup.h"
#include "kernels/route/route.h"
#include "kernels/swiglu/swiglu.h"
#include "kernels/testing/product_fixture.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kExperts = 4, kUsed = 2, kRows = 41, kTile = 16;
constexpr ExpertTiles kTiles{.experts = kExperts, .used = kUsed, .tile = kTile};
constexpr double kHalfEpsilon = 1.0 / 1024;

// Rows of f32 as a kernel is given them, and rounded to what it reads.
struct Rows {
  std::vector<float> values;
  std::vector<uint16_t> halves;  // the same
};

class ExpertProductsTest : public ProductTest {
 protected:
  // Expert 0 has most rows, 3 none.
  static std::vector<ExpertChoice> some_choices() {
    std::vector<ExpertChoice> choices;
    for (uint32_t row = 0; row < kRows; ++row) {
      choices.push_back({row % 7 == 0 ? 1U : 0U, 1});
      choices.push_back({row % 7 == 0 ? 0U : 2U, 1});
    }
    return choices;
  }

  static Rows random_rows(size_t size, uint32_t seed) {
    Rows rows{.values = random_floats(size, seed)};
    for (float& value : rows.values) {
      rows.halves.push_back(float_to_half(value));
      value = half_to_float(rows.halves.back());
    }
    return rows;
  }

  // [rows, used, n]: W_e x + bias_e in double precision.
  static std::vector<double> products(const RandomWeight& w, const std::vector<float>& x,
                                      const std::vector<float>& bias, uint32_t x_rows_each) {
    const std::vector<ExpertChoice> choices = some_choices();
    const std::vector<double> all = w.values();
    const uint32_t k = w.layout().cols, n = w.layout().rows / kExperts;
    std::vector<double> out;
    for (size_t i = 0; i < choices.size(); ++i) {
      const auto row = std::span(x).subspan(i * x_rows_each / kUsed * k, k);
      const auto matrix = std::span(all).subspan(size_t{choices[i].expert} * n * k, size_t{n} * k);
      const std::vector<double> y = product_ref(row, matrix, k);
      for (uint32_t j = 0; j < n; ++j) {
        out.push_back(y[j] + (bias.empty() ? 0.0 : double{bias[choices[i].expert * n + j]}));
      }
    }
    return out;
  }

  // Tiles, and then what `make` gives for the product with them.
  template <class Make>
  void run_tiled(Product product, uint32_t n, uint32_t x_rows_each, const Make& make) {
    const TestBuffer chosen = input(some_choices());
    const TestBuffer tiles = output<uint32_t>(expert_tiles_bytes(kTiles, kRows) / 4);
    product.experts =
        ProductOfExperts{.shape = kTiles, .tiles = tiles, .n = n, .x_rows_each = x_rows_each};
    std::vector<Dispatch> dispatches;
    dispatches.push_back(expert_tiles(device(), kTiles, {.choices = chosen, .tiles = tiles}));
    dispatches.push_back(make(product));
    run(dispatches, {.rows = kRows});
  }

  std::vector<SubgroupMatrix> matrices() {
    std::vector<SubgroupMatrix> all;
    for (const auto& matrix : {subgroup_matrix(device().info()), stand_in_matrix(device().info())})
      if (matrix) all.push_back(*matrix);
    return all;
  }

  static MatmulSubgroupVariant variant_on(const SubgroupMatrix& matrix) {
    return {matrix, kTile, 16, 32, matrix.m, matrix.n > 8 ? 16U : 8U, 1};
  }

  // Of a weight rounded to f16 (matmul_subgroup_test.cpp).
  static Tolerance half_tolerance(uint32_t k) {
    return {.absolute = 4 * kHalfEpsilon * std::sqrt(k) + tolerance(k).absolute};
  }
};

TEST_F(ExpertProductsTest, InTilesOfFloats) {
  constexpr uint32_t kN = 72, kStride = 80, kFirst = 8;
  for (const auto& [format, k] : {std::pair{WeightFormat::kQ4_K, 256U},
                                  {WeightFormat::kMXFP4, 96U},
                                  {WeightFormat::kF16, 37U}}) {
    SCOPED_TRACE(wgsl_name(format));
    const RandomWeight w(device(), format, kExperts * kN, k, k);
    const std::vector<float> bias = random_floats(kExperts * kN, 2);
    for (const uint32_t each : {1U, kUsed}) {
      const std::vector<float> x = random_floats(size_t{kRows} * each * k, 1);
      const TestBuffer x_buffer = input(x), bias_buffer = input(bias);
      const TestBuffer y = input(std::vector<float>(kRows * kUsed * kStride, 9));
      run_tiled({.weight = w,
                 .x = x_buffer,
                 .y = y,
                 .bias = bias_buffer,
                 .y_stride = kStride,
                 .y_first = kFirst},
                kN, each, [&](const Product& product) {
                  return matmul(device(), product, {kTile, 32, x_quads_for(w.layout())});
                });
      const std::vector<double> product = products(w, x, bias, each);
      std::vector<double> want(kRows * kUsed * kStride, 9);
      for (size_t i = 0; i < product.size(); ++i) {
        want[i / kN * kStride + kFirst + i % kN] = product[i];
      }
      expect_near(values<float>(y), want, tolerance(k));
    }
  }
}

TEST_F(ExpertProductsTest, InTilesOfPackedDots) {
  constexpr uint32_t kN = 40;
  for (const auto& [format, k] :
       {std::pair{WeightFormat::kQ4_K, 256U}, {WeightFormat::kMXFP4, 96U}}) {
    const RandomWeight w(device(), format, kExperts * kN, k, k);
    if (!can_matmul_dot(device().info(), w.layout())) GTEST_SKIP() << "no packed dot products";
    SCOPED_TRACE(wgsl_name(format));
    const std::vector<float> bias = random_floats(kExperts * kN, 2);
    for (const uint32_t each : {1U, kUsed}) {
      const std::vector<float> x = random_floats(size_t{kRows} * each * k, 1);
      const DotScratchBytes bytes = matmul_dot_scratch_bytes(k, kRows * each);
      const TestBuffer units = output<std::byte>(bytes.rows),
                       lines = output<std::byte>(bytes.lines);
      const TestBuffer x_buffer = input(x), bias_buffer = input(bias);
      const TestBuffer y = output<float>(kRows * kUsed * kN);
      const DotScratch scratch{units, lines};
      run(quantize_units(device(), Count::kRows, x_buffer, k, scratch, each), {.rows = kRows});
      run_tiled({.weight = w, .y = y, .bias = bias_buffer, .y_stride = kN}, kN, each,
                [&](const Product& product) {
                  return matmul_dot(device(), product, scratch, {kTile, 32, Loops::kKept});
                });
      expect_near(values<float>(y), products(w, x, bias, each), rounded_tolerance(k));
    }
  }
}

TEST_F(ExpertProductsTest, InPartsOfTheExperts) {
  constexpr uint32_t kN = 24, kK = 64, kFirst = 1;
  const RandomWeight w(device(), WeightFormat::kQ8_0, kExperts * kN, kK, 1);
  const size_t bytes = kFirst * kN * file_row_bytes(WeightFormat::kQ8_0, kK);
  const RandomWeight late(device(), WeightFormat::kQ8_0, (kExperts - kFirst) * kN, kK,
                          std::span(w.blocks()).subspan(bytes));
  const std::vector<float> x = random_floats(kRows * kK, 1), bias = random_floats(kExperts * kN, 2);
  const TestBuffer x_buffer = input(x), bias_buffer = input(bias);
  const TestBuffer y = input(std::vector<float>(kRows * kUsed * kN, 9));
  run_tiled({.weight = late, .x = x_buffer, .y = y, .bias = bias_buffer, .y_stride = kN}, kN, 1,
            [&](Product product) {
              product.experts->first_expert = kFirst;
              return matmul(device(), product, {kTile, 32, XQuads::kDirect});
            });
  std::vector<double> want = products(w, x, bias, 1);
  const std::vector<ExpertChoice> choices = some_choices();
  for (size_t i = 0; i < want.size(); ++i) {
    if (choices[i / kN].expert < kFirst) want[i] = 9;
  }
  expect_near(values<float>(y), want, tolerance(kK));
}

TEST_F(ExpertProductsTest, OnMatrices) {
  constexpr uint32_t kN = 24, kK = 96;
  const RandomWeight w(device(), WeightFormat::kMXFP4, kExperts * kN, kK, 1);
  const std::vector<float> bias = random_floats(kExperts * kN, 2);
  for (const SubgroupMatrix& matrix : matrices()) {
    for (const uint32_t each : {1U, kUsed}) {
      const Rows x = random_rows(size_t{kRows} * each * kK, 1);
      const TestBuffer x_buffer = input(chunks_of_rows(x.halves, kK)), bias_buffer = input(bias);
      const TestBuffer y = output<float>(kRows * kUsed * kN);
      run_tiled({.weight = w, .x = x_buffer, .y = y, .bias = bias_buffer, .y_stride = kN}, kN, each,
                [&](const Product& product) {
                  return std::move(matmul_subgroup(device(), product, variant_on(matrix), {})[0]);
                });
      expect_near(values<float>(y), products(w, x.values, bias, each), half_tolerance(kK));
    }
  }
}

TEST_F(ExpertProductsTest, GatedOnMatrices) {
  constexpr uint32_t kFf = 32, kK = 96;
  const RandomWeight w(device(), WeightFormat::kMXFP4, kExperts * 2 * kFf, kK, 1);
  const std::vector<float> bias = random_floats(kExperts * 2 * kFf, 2);
  for (const SubgroupMatrix& matrix : matrices()) {
    const Rows x = random_rows(size_t{kRows} * kK, 1);
    const TestBuffer x_buffer = input(chunks_of_rows(x.halves, kK)), bias_buffer = input(bias);
    const TestBuffer y = output<uint16_t>(chunks_size(kRows * kUsed, kFf));
    run_tiled({.weight = w, .x = x_buffer, .y = y, .bias = bias_buffer}, 2 * kFf, 1,
              [&](const Product& product) {
                return matmul_subgroup_gated(device(), product, Activation::kClampedSwiglu,
                                             variant_on(matrix));
              });
    const std::vector<double> both = products(w, x.values, bias, 1);
    std::vector<float> gate, up;
    for (auto row = both.begin(); row != both.end(); row += 2 * kFf) {
      gate.insert(gate.end(), row, row + kFf);
      up.insert(up.end(), row + kFf, row + 2 * kFf);
    }
    expect_near(rows_of_chunks(values<uint16_t>(y), kRows * kUsed, kFf),
                swiglu_ref(gate, up, Activation::kClampedSwiglu),
                {.relative = 1e-2, .absolute = 4 * half_tolerance(kK).absolute});
  }
}

TEST_F(ExpertProductsTest, ChosenVariantsFitEveryShape) {
  gpu::AdapterInfo info = device().info();
  info.limits.max_workgroup_bytes = kMatmulWorkgroupBytes;
  const SubgroupMatrix matrix{.m = 16, .n = 16, .k = 16, .lanes = 32};
  for (const uint32_t tile : {16U, 32U, 64U, 128U}) {
    for (const uint32_t k : {96U, 768U, 2880U}) {
      const WeightLayout w = weight_layout(WeightFormat::kMXFP4, 64, k);
      const MatmulSubgroupVariant v = matmul_experts_variant(info, matrix, w, tile);
      EXPECT_EQ(v.tile_rows, tile);
      EXPECT_EQ(k % v.tile_k, 0U);
      EXPECT_LE((v.tile_rows + v.tile_n) * (2 * v.tile_k + 16), kMatmulWorkgroupBytes);
      EXPECT_TRUE(can_gate(v, w) || k % 64 != 0);
    }
  }
}

}  // namespace
}  // namespace weft::kernels
