#include "kernels/matmul_subgroup/matmul_subgroup.h"

#include "base/half.h"
#include "kernels/swiglu/swiglu.h"
#include "kernels/testing/product_fixture.h"

namespace weft::kernels {
namespace {

constexpr double kHalfEpsilon = 1.0 / 1024;

// On matrix units, and on what stands in for them.
class MatmulSubgroupTest : public ProductTest {
 protected:
  void SetUp() override {
    ProductTest::SetUp();
    if (IsSkipped()) return;
    const gpu::AdapterInfo& info = device().info();
    for (const auto& matrix : {subgroup_matrix(info), stand_in_matrix(info)}) {
      if (matrix) matrices_.push_back(*matrix);
    }
    if (matrices_.empty()) GTEST_SKIP() << "Subgroups of one size are needed.";
  }

  [[nodiscard]] const std::vector<SubgroupMatrix>& matrices() const { return matrices_; }

  // x as the kernel reads it, and rounded to it.
  struct Halves {
    std::vector<uint16_t> bits;
    std::vector<float> values;
  };
  static Halves random_halves(size_t count, uint32_t seed) {
    Halves halves;
    for (const float value : random_floats(count, seed)) {
      halves.bits.push_back(float_to_half(value));
      halves.values.push_back(half_to_float(halves.bits.back()));
    }
    return halves;
  }

  // A weight is rounded to f16 three times at most: scale, offset and their line, which may each be
  // 16 times the weight.
  static Tolerance half_tolerance(uint32_t k) {
    return {.absolute = 4 * kHalfEpsilon * std::sqrt(k) + tolerance(k).absolute};
  }

  void expect_right(const RandomWeight& weight, uint32_t rows,
                    const MatmulSubgroupVariant& variant) {
    const WeightLayout& w = weight.layout();
    SCOPED_TRACE(testing::Message()
                 << wgsl_name(w.format) << " [" << w.rows << ", " << w.cols << "], " << rows
                 << " rows in tiles of " << variant.tile_rows << " x " << variant.tile_n << " x "
                 << variant.tile_k << ", parts of " << variant.part_rows << " x " << variant.part_n
                 << ", " << variant.splits << " splits, matrices of " << variant.matrix.m << " x "
                 << variant.matrix.n << " x " << variant.matrix.k);
    const Halves x = random_halves(size_t{rows} * w.cols, rows);
    const TestBuffer x_buffer = input(chunks_of_rows(x.bits, w.cols));
    const TestBuffer y = output<float>(size_t{rows} * w.rows);
    const TestBuffer parts =
        output<float>(std::max<size_t>(matmul_parts_bytes(variant, w, rows) / 4, 4));
    run(matmul_subgroup(device(), {.weight = weight, .x = x_buffer, .y = y, .y_stride = w.rows},
                        variant, parts),
        {.rows = rows});
    expect_near(values<float>(y), product_ref(x.values, weight.values(), w.cols),
                half_tolerance(w.cols));
    if (variant.splits > 1) static_cast<void>(values<float>(parts));  // looks at its canaries
  }

 private:
  std::vector<SubgroupMatrix> matrices_;
};

TEST_F(MatmulSubgroupTest, EveryFormat) {
  using enum WeightFormat;
  for (const SubgroupMatrix& matrix : matrices()) {
    // On a CPU one of each way to unpack: a subgroup of matrices takes seconds to compile there.
    const auto formats =
        matrix.stands_in ? std::vector{kF32, kF16, kQ8_0, kQ4_K, kQ6_K, kMXFP4}
                         : std::vector(std::begin(kAllWeightFormats), std::end(kAllWeightFormats));
    for (const WeightFormat format : formats) {
      for (const uint32_t blocks : {1U, 3U}) {
        const uint32_t k = blocks * std::max(block_of(format), 32U);
        const RandomWeight weight(device(), format, 20, k, k);
        expect_right(weight, 9,
                     matrix.stands_in ? MatmulSubgroupVariant{matrix, 16, 16, 32, 8, 8, 1}
                                      : MatmulSubgroupVariant{matrix, 32, 32, 32, 16, 16, 1});
      }
    }
  }
}

// On a CPU a subgroup of matrices takes long to compile and run: it tries the shapes of tiles
// alone.
std::vector<MatmulSubgroupVariant> variants_of(const SubgroupMatrix& matrix) {
  if (matrix.stands_in) return {{matrix, 16, 16, 64, 8, 16, 3}, {matrix, 32, 16, 32, 16, 8, 1}};
  return {
      {matrix, 16, 64, 64, 16, 16, 1},  {matrix, 16, 64, 64, 16, 16, 3},
      {matrix, 32, 64, 32, 32, 16, 2},  {matrix, 64, 64, 32, 32, 32, 1},
      {matrix, 64, 128, 32, 32, 64, 1}, {matrix, 128, 128, 32, 64, 64, 1},
      {matrix, 128, 96, 32, 64, 48, 2}, {matrix, 128, 128, 32, 32, 64, 1},
  };
}

TEST_F(MatmulSubgroupTest, EveryTileForAnyRowsAndColumns) {
  for (const SubgroupMatrix& matrix : matrices()) {
    for (const MatmulSubgroupVariant& variant : variants_of(matrix)) {
      for (const uint32_t n : {4U, variant.tile_n, variant.tile_n + 4}) {
        const RandomWeight weight(device(), WeightFormat::kQ8_0, n, 384, n);
        for (const uint32_t rows : {1U, variant.tile_rows - 1, variant.tile_rows + 3}) {
          expect_right(weight, rows, variant);
        }
      }
    }
  }
}

TEST_F(MatmulSubgroupTest, AddsBiasAndWhatYHolds) {
  constexpr uint32_t kN = 36, kK = 128, kFirst = 8, kWidth = 48;
  const RandomWeight weight(device(), WeightFormat::kQ4_1, kN, kK, 1);
  const std::vector<float> bias = random_floats(kN, 3);
  const TestBuffer bias_buffer = input(bias);
  const auto check = [&](uint32_t rows, bool has_bias, const SubgroupMatrix& matrix,
                         uint32_t splits) {
    SCOPED_TRACE(testing::Message() << rows << " rows, " << splits << " splits, "
                                    << (has_bias ? "" : "no ") << "bias");
    const Halves x = random_halves(rows * kK, 2);
    const std::vector<float> before = random_floats(rows * kWidth, 4);
    const std::vector<double> product = product_ref(x.values, weight.values(), kK);
    std::vector<double> want(before.begin(), before.end());
    for (size_t i = 0; i < product.size(); ++i) {
      want[i / kN * kWidth + kFirst + i % kN] += product[i] + (has_bias ? bias[i % kN] : 0);
    }
    const TestBuffer x_buffer = input(chunks_of_rows(x.bits, kK)), y = input(before);
    const TestBuffer parts = output<float>(splits * rows * kN);
    run(matmul_subgroup(device(),
                        {.weight = weight,
                         .x = x_buffer,
                         .y = y,
                         .bias = has_bias ? gpu::Binding(bias_buffer) : gpu::Binding{},
                         .y_stride = kWidth,
                         .y_first = kFirst,
                         .store = Store::kAdd},
                        {matrix, 16, 16, 32, matrix.m, matrix.n, splits}, parts),
        {.rows = rows});
    expect_near(values<float>(y), want, half_tolerance(kK));
  };
  for (const SubgroupMatrix& matrix : matrices()) {
    check(5, true, matrix, 1);
    check(16, true, matrix, 2);
    check(16, false, matrix, 1);
    check(16, false, matrix, 2);
  }
}

TEST_F(MatmulSubgroupTest, GatesOneHalfOfTheRowsWithTheOther) {
  constexpr uint32_t kFf = 96, kK = 384;
  const RandomWeight weight(device(), WeightFormat::kQ4_K, 2 * kFf, 2 * kK, 6);
  for (const SubgroupMatrix& matrix : matrices()) {
    for (const MatmulSubgroupVariant& variant : variants_of(matrix)) {
      if (!can_gate(variant, weight.layout())) continue;
      const uint32_t rows = variant.tile_rows + 3;
      SCOPED_TRACE(testing::Message() << "tiles of " << variant.tile_rows << " x " << variant.tile_n
                                      << ", parts of " << variant.part_n);
      const Halves x = random_halves(size_t{rows} * 2 * kK, 7);
      const std::vector<double> both = product_ref(x.values, weight.values(), 2 * kK);
      std::vector<float> gate, up;
      for (auto row = both.begin(); row != both.end(); row += 2 * kFf) {
        gate.insert(gate.end(), row, row + kFf);
        up.insert(up.end(), row + kFf, row + 2 * kFf);
      }
      const std::vector<double> want = swiglu_ref(gate, up, Activation::kSilu);
      const TestBuffer x_buffer = input(chunks_of_rows(x.bits, 2 * kK));
      const TestBuffer y = output<uint16_t>(chunks_size(rows, kFf));
      std::vector<Dispatch> dispatches;
      dispatches.push_back(matmul_subgroup_gated(
          device(), {.weight = weight, .x = x_buffer, .y = y}, Activation::kSilu, variant));
      run(dispatches, {.rows = rows});
      const std::vector<uint16_t> halves = values<uint16_t>(y);
      const double tolerance = 4 * half_tolerance(2 * kK).absolute;
      for (size_t i = 0; i < want.size(); ++i) {
        const float got = half_to_float(halves[chunk_place(i / kFf, i % kFf, kFf)]);
        ASSERT_NEAR(got, want[i], tolerance + 1e-2 * std::abs(want[i]))
            << "row " << i / kFf << ", column " << i % kFf;
      }
    }
  }
}

TEST_F(MatmulSubgroupTest, ChosenVariantsFitEveryShape) {
  gpu::AdapterInfo info = device().info();
  using enum gpu::MatrixType;
  info.matrix_configs = {{kF16, kF32, 16, 16, 16}, {kF16, kF32, 16, 8, 16}};
  const SubgroupMatrix matrix{.m = 16, .n = 16, .k = 16, .lanes = 32};
  for (const uint32_t workgroup_bytes : {kMatmulWorkgroupBytes, 49152U}) {
    info.limits.max_workgroup_bytes = workgroup_bytes;
    for (const uint32_t rows : {9U, 16U, 17U, 33U, 65U, 200U, 512U, 1000U, 2048U}) {
      for (const uint32_t n : {4U, 256U, 960U, 2048U, 4096U, 5120U, 11264U, 28672U, 128256U}) {
        for (const uint32_t k : {96U, 576U, 1536U, 2048U, 4096U, 5632U, 14336U}) {
          for (const WeightFormat format : {WeightFormat::kQ4_0, WeightFormat::kQ8_0}) {
            const WeightLayout w = weight_layout(format, n, k);
            const MatmulSubgroupVariant v = matmul_subgroup_variant(info, matrix, w, rows);
            SCOPED_TRACE(testing::Message() << rows << " rows of " << n << " x " << k);
            EXPECT_EQ(k % (v.tile_k * v.splits), 0U);
            EXPECT_EQ(v.part_n % v.matrix.n + v.part_rows % v.matrix.m, 0U);
            EXPECT_LE(uint64_t{v.tile_rows + v.tile_n} * (2 * v.tile_k + 16), workgroup_bytes);
            EXPECT_LE(matmul_parts_bytes(v, w, rows), kMatmulPartsBytes);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace weft::kernels
