#include "kernels/matmul/matmul.h"

#include "kernels/matvec/matvec.h"
#include "kernels/testing/product_fixture.h"

namespace weft::kernels {
namespace {

class MatmulTest : public ProductTest {
 protected:
  auto matmul_of(const MatmulVariant& variant) {
    return [this, variant](const Product& product) { return matmul(device(), product, variant); };
  }

  void expect_right(const RandomWeight& weight, uint32_t rows, const MatmulVariant& variant) {
    const WeightLayout& w = weight.layout();
    SCOPED_TRACE(testing::Message()
                 << wgsl_name(w.format) << " [" << w.rows << ", " << w.cols << "], " << rows
                 << " rows in tiles of " << variant.tile_rows << " x " << variant.tile_n);
    const std::vector<float> x = random_floats(size_t{rows} * w.cols, rows);
    expect_near(compute(weight, x, matmul_of(variant)), product_ref(x, weight.values(), w.cols),
                tolerance(w.cols));
  }
};

TEST_F(MatmulTest, EveryFormat) {
  for (const WeightFormat format : kAllWeightFormats) {
    for (const uint32_t blocks : {1U, 3U, 5U}) {
      const uint32_t k = blocks * std::max(block_of(format), 8U);
      const RandomWeight weight(device(), format, 65, k, k);
      expect_right(weight, 17, {16, 32, XQuads::kDirect});
    }
  }
}

TEST_F(MatmulTest, EveryTileForAnyRows) {
  for (const uint32_t n : {1U, 63U, 64U, 129U}) {
    const RandomWeight weight(device(), WeightFormat::kQ8_0, n, 160, n);
    for (const uint32_t rows : {1U, 9U, 16U, 33U, 64U, 65U}) {
      expect_right(weight, rows, matmul_variant(weight.layout(), rows));
    }
  }
}

TEST_F(MatmulTest, AnyK) {
  for (const WeightFormat format : {WeightFormat::kF32, WeightFormat::kF16}) {
    for (const uint32_t k : {1U, 3U, 5U, 31U, 32U, 33U, 257U}) {
      const RandomWeight weight(device(), format, 18, k, k);
      expect_right(weight, 17, {16, 32, XQuads::kRagged});
    }
  }
}

TEST_F(MatmulTest, AgreesWithMatvec) {
  const RandomWeight weight(device(), WeightFormat::kQ6_K, 70, 768, 3);
  const std::vector<float> x = random_floats(20 * 768, 4);
  const std::vector<float> few = compute(weight, x, [this](const Product& product) {
    return matvec(device(), product, {8, 2, 8, 8, XQuads::kDirect, LaneSums::kPlain});
  });
  expect_near(compute(weight, x, matmul_of({32, 64, XQuads::kDirect})),
              std::vector<double>(few.begin(), few.end()), tolerance(768));
}

}  // namespace
}  // namespace weft::kernels
