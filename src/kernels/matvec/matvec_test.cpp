#include "kernels/matvec/matvec.h"

#include "kernels/testing/product_fixture.h"

namespace weft::kernels {
namespace {

class MatvecTest : public ProductTest {
 protected:
  std::vector<MatvecVariant> variants(uint32_t rows) {
    std::vector<MatvecVariant> all{
        {rows, 2, 8, 8, XQuads::kDirect, LaneSums::kPlain},
        {rows, 1, 8, 1, XQuads::kDirect, LaneSums::kPlain},
        {rows, 3, 4, 16, XQuads::kRagged, LaneSums::kPlain},
    };
    const gpu::AdapterInfo& info = device().info();
    if (!info.has_subgroups || info.subgroup_min < 8) return all;
    all.push_back({rows, 2, 8, 32, XQuads::kDirect, LaneSums::kSubgroup});
    all.push_back({rows, 1, 2, 64, XQuads::kRagged, LaneSums::kSubgroup});
    all.push_back({rows, 4, info.subgroup_max, 1, XQuads::kBroadcast, LaneSums::kSubgroup});
    return all;
  }

  void expect_right(const RandomWeight& weight, uint32_t rows, const MatvecVariant& variant) {
    const WeightLayout& w = weight.layout();
    SCOPED_TRACE(testing::Message()
                 << wgsl_name(w.format) << " [" << w.rows << ", " << w.cols << "], " << rows
                 << " rows, " << variant.rows << " at once, " << variant.lanes_n << " x "
                 << variant.lanes_k << " lanes, " << wgsl_name(variant.x) << ", sums "
                 << static_cast<int>(variant.sums));
    const std::vector<float> x = random_floats(size_t{rows} * w.cols, rows);
    const auto make = [&](const Product& product) { return matvec(device(), product, variant); };
    expect_near(compute(weight, x, make), product_ref(x, weight.values(), w.cols),
                tolerance(w.cols));
  }
};

TEST_F(MatvecTest, EveryFormat) {
  for (const WeightFormat format : kAllWeightFormats) {
    for (const uint32_t n : {1U, 15U, 33U}) {
      for (const uint32_t blocks : {1U, 3U, 10U}) {
        const uint32_t k = blocks * std::max(block_of(format), 8U);
        const RandomWeight weight(device(), format, n, k, n + k);
        expect_right(weight, 1, {1, 2, 8, 8, XQuads::kDirect, LaneSums::kPlain});
        expect_right(weight, 2, matvec_variant(device().info(), weight.layout(), 2));
      }
    }
  }
}

TEST_F(MatvecTest, EveryVariantForAnyRows) {
  const RandomWeight weight(device(), WeightFormat::kQ4_1, 41, 672, 1);
  for (const MatvecVariant& variant : variants(1)) {
    for (const uint32_t rows : {1U, 3U}) expect_right(weight, rows, variant);
  }
  for (const MatvecVariant& variant : variants(kMaxMatvecRows)) {
    for (const uint32_t rows : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 17U, 33U}) {
      expect_right(weight, rows, variant);
    }
  }
}

TEST_F(MatvecTest, AnyK) {
  for (const WeightFormat format : {WeightFormat::kF32, WeightFormat::kF16, WeightFormat::kBF16}) {
    for (const uint32_t k : {1U, 3U, 4U, 5U, 7U, 8U, 9U, 63U, 257U, 1009U}) {
      const RandomWeight weight(device(), format, 5, k, k);
      expect_right(weight, 3, {2, 2, 8, 8, XQuads::kRagged, LaneSums::kPlain});
      expect_right(weight, 3, matvec_variant(device().info(), weight.layout(), 2));
    }
  }
}

}  // namespace
}  // namespace weft::kernels
