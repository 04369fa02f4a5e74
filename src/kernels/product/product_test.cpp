#include "kernels/product/product.h"

#include <array>
#include <functional>

#include "kernels/matmul/matmul.h"
#include "kernels/matvec/matvec.h"
#include "kernels/testing/product_fixture.h"

namespace weft::kernels {
namespace {

using Make = std::function<Dispatch(const Product&)>;

struct NamedKernel {
  const char* name;
  Make make;
};

class ProductStoreTest : public ProductTest {
 protected:
  static constexpr uint32_t kRows = 5, kN = 37, kK = 64;

  // Every way to make and store a product.
  std::vector<NamedKernel> kernels() {
    const auto matvec_of = [this](const MatvecVariant& variant) {
      return [=, this](const Product& product) { return matvec(device(), product, variant); };
    };
    return {
        {"sums of a lane", matvec_of({4, 2, 8, 1, XQuads::kDirect, LaneSums::kPlain})},
        {"sums of many lanes", matvec_of({4, 2, 8, 8, XQuads::kDirect, LaneSums::kPlain})},
        {"tiles",
         [this](const Product& product) {
           return matmul(device(), product, {16, 32, XQuads::kDirect});
         }},
        {"chosen for 1", [this](const Product& p) { return product(device(), p, 1); }},
        {"chosen for 512", [this](const Product& p) { return product(device(), p, 512); }},
    };
  }
};

TEST_F(ProductStoreTest, AddsBiasAndWhatYHolds) {
  const RandomWeight weight(device(), WeightFormat::kQ8_0, kN, kK, 1);
  const std::vector<float> x = random_floats(kRows * kK, 2);
  const std::vector<float> bias = random_floats(kN, 3);
  const std::vector<float> before = random_floats(kRows * kN, 4);
  std::vector<double> want = product_ref(x, weight.values(), kK);
  for (size_t i = 0; i < want.size(); ++i) want[i] += bias[i % kN] + before[i];

  const TestBuffer x_buffer = input(x);
  const TestBuffer bias_buffer = input(bias);
  for (const NamedKernel& kernel : kernels()) {
    SCOPED_TRACE(kernel.name);
    const TestBuffer y = input(before);
    run(kernel.make({.weight = weight,
                     .x = x_buffer,
                     .y = y,
                     .bias = bias_buffer,
                     .y_stride = kN,
                     .store = Store::kAdd}),
        {.rows = kRows});
    expect_near(values<float>(y), want, tolerance(kK));
  }
}

TEST_F(ProductStoreTest, PartsOfASplitWeightWriteTheirColumns) {
  const RandomWeight first(device(), WeightFormat::kQ4_0, 20, kK, 5);
  const RandomWeight second(device(), WeightFormat::kQ4_0, kN - 20, kK, 6);
  const std::vector<float> x = random_floats(kRows * kK, 7);
  const std::vector<double> left = product_ref(x, first.values(), kK);
  const std::vector<double> right = product_ref(x, second.values(), kK);
  std::vector<double> want;
  for (size_t row = 0; row < kRows; ++row) {
    want.insert(want.end(), &left[row * 20], &left[row * 20] + 20);
    want.insert(want.end(), &right[row * (kN - 20)], &right[row * (kN - 20)] + (kN - 20));
  }

  const TestBuffer x_buffer = input(x);
  for (const NamedKernel& kernel : kernels()) {
    SCOPED_TRACE(kernel.name);
    const TestBuffer y = output<float>(kRows * kN);
    const Product part{.weight = first, .x = x_buffer, .y = y, .y_stride = kN};
    Product rest = part;
    rest.weight = second;
    rest.y_first = 20;
    const std::array dispatches{kernel.make(rest), kernel.make(part)};
    run(dispatches, {.rows = kRows});
    expect_near(values<float>(y), want, tolerance(kK));
  }
}

}  // namespace
}  // namespace weft::kernels
