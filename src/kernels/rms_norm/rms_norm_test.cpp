#include "kernels/rms_norm/rms_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

constexpr float kEps = 1e-5F;

class RmsNormTest : public KernelTest {
 protected:
  std::vector<WorkgroupSum> sums() {
    if (!device().info().has_subgroups) return {WorkgroupSum::kPlain};
    return {WorkgroupSum::kPlain, WorkgroupSum::kSubgroup};
  }

  std::vector<float> compute(const std::vector<float>& x, const std::vector<float>& w,
                             WorkgroupSum sum) {
    const auto cols = static_cast<uint32_t>(w.size());
    const TestBuffer x_buffer = input(x);
    const TestBuffer w_buffer = input(w);
    const TestBuffer y_buffer = output<float>(x.size());
    run(rms_norm(device(), {.cols = cols, .eps = kEps},
                 {.x = x_buffer, .w = w_buffer, .y = y_buffer}, sum),
        {.rows = static_cast<uint32_t>(x.size() / cols)});
    return values<float>(y_buffer);
  }
};

TEST_F(RmsNormTest, IsWhatTheFormulaSays) {
  for (const WorkgroupSum sum : sums()) {
    for (const uint32_t cols : {1U, 7U, 8U, 9U, 255U, 256U, 257U, 576U, 4099U}) {
      SCOPED_TRACE(testing::Message() << cols << " columns, variant " << static_cast<int>(sum));
      const std::vector<float> x = random_floats(3 * cols, cols);
      const std::vector<float> w = random_floats(cols, cols + 1, 0.5F, 2);
      // A sum of squares of n terms in a tree over 256 lanes, a root, three products.
      const double steps = std::ceil(cols / 256.0) + 8 + 4;
      expect_near(compute(x, w, sum), rms_norm_ref(x, w, kEps), {.relative = steps * kEpsilon});
    }
  }
}

TEST_F(RmsNormTest, HalvesInChunksAreHeldToTheirRange) {
  if (!device().info().has_f16) GTEST_SKIP() << "The adapter has no f16.";
  const std::vector<float> x = random_floats(2 * 96, 8);
  std::vector<float> w = random_floats(96, 9, 0.5F, 2);
  w[3] = 1e6F;
  std::vector<double> want = rms_norm_ref(x, w, kEps);
  for (double& value : want) value = std::clamp(value, -65504.0, 65504.0);
  const TestBuffer x_buffer = input(x), w_buffer = input(w),
                   y = output<uint16_t>(chunks_size(2, 96));
  run(rms_norm(device(), {.cols = 96, .eps = kEps, .y = Elements::kF16Chunks},
               {.x = x_buffer, .w = w_buffer, .y = y}, WorkgroupSum::kPlain),
      {.rows = 2});
  expect_near(rows_of_chunks(values<uint16_t>(y), 2, 96), want, {.relative = 0x1p-10});
}

TEST_F(RmsNormTest, RowsPastOneDimensionOfTheGrid) {
  constexpr uint32_t kRows = 65537;
  constexpr uint32_t kCols = 3;
  const std::vector<float> x = random_floats(kRows * kCols, 5);
  const std::vector<float> w(kCols, 1);
  expect_near(compute(x, w, WorkgroupSum::kPlain), rms_norm_ref(x, w, kEps),
              {.relative = 16 * kEpsilon});
}

TEST_F(RmsNormTest, GathersTheRowsThatAreOutputs) {
  constexpr uint32_t kCols = 70;
  const std::vector<float> x = random_floats(5 * kCols, 6);
  const std::vector<float> w = random_floats(kCols, 7, 0.5F, 2);
  const std::vector<uint32_t> outputs{4, 0, 4};
  std::vector<float> gathered;
  for (const uint32_t row : outputs) {
    gathered.insert(gathered.end(), x.begin() + row * kCols, x.begin() + (row + 1) * kCols);
  }
  for (const WorkgroupSum sum : sums()) {
    const TestBuffer x_buffer = input(x);
    const TestBuffer w_buffer = input(w);
    const TestBuffer outputs_buffer = input(outputs);
    const TestBuffer y_buffer = output<float>(gathered.size());
    run(rms_norm(device(), {.cols = kCols, .eps = kEps},
                 {.x = x_buffer, .w = w_buffer, .y = y_buffer, .outputs = outputs_buffer}, sum),
        {.rows = 5, .outputs = 3});
    expect_near(values<float>(y_buffer), rms_norm_ref(gathered, w, kEps),
                {.relative = 16 * kEpsilon});
  }
}

TEST_F(RmsNormTest, CenteredWithBiases) {
  for (const WorkgroupSum sum : sums()) {
    for (const uint32_t cols : {8U, 70U, 1030U}) {
      std::vector<float> x = random_floats(3 * cols, 13);
      for (float& value : x) value += 2;
      const std::vector<float> w = random_floats(cols, 14, 0.5F, 2), bias = random_floats(cols, 15);
      std::vector<float> both = w;
      both.insert(both.end(), bias.begin(), bias.end());
      const TestBuffer x_buffer = input(x), w_buffer = input(both), y = output<float>(x.size());
      run(rms_norm(device(), {.cols = cols, .eps = kEps, .centered = true, .has_bias = true},
                   {.x = x_buffer, .w = w_buffer, .y = y}, sum),
          {.rows = 3});
      expect_near(values<float>(y), layer_norm_ref(x, w, bias, kEps), {.absolute = 100 * kEpsilon});
    }
  }
}

TEST_F(RmsNormTest, AddsToWhatYHolds) {
  const std::vector<float> x = random_floats(3 * 70, 10), before = random_floats(3 * 70, 11);
  const std::vector<float> w = random_floats(70, 12, 0.5F, 2);
  std::vector<double> want = rms_norm_ref(x, w, kEps);
  for (size_t i = 0; i < want.size(); ++i) want[i] += before[i];
  const TestBuffer x_buffer = input(x), w_buffer = input(w), y = input(before);
  run(rms_norm(device(), {.cols = 70, .eps = kEps, .store = Store::kAdd},
               {.x = x_buffer, .w = w_buffer, .y = y}, WorkgroupSum::kPlain),
      {.rows = 3});
  expect_near(values<float>(y), want, {.absolute = 32 * kEpsilon});
}

TEST_F(RmsNormTest, ARowOfZerosStaysZero) {
  for (const WorkgroupSum sum : sums()) {
    expect_near(compute(std::vector<float>(40), std::vector<float>(40, 1), sum),
                std::vector<double>(40), {});
  }
}

}  // namespace
}  // namespace weft::kernels
