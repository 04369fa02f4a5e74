#include "kernels/dot_matvec/dot_matvec.h"

#include <algorithm>
#include <cmath>

#include "base/half.h"
#include "kernels/matvec/matvec.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/swiglu/swiglu.h"
#include "kernels/testing/kv_pages.h"
#include "kernels/testing/product_fixture.h"

namespace weft::kernels {
namespace {

class DotMatvecTest : public ProductTest {
 protected:
  void SetUp() override {
    ProductTest::SetUp();
    if (!IsSkipped() && !device().info().has_subgroups) GTEST_SKIP() << "no subgroups";
  }

  std::vector<DotMatvecVariant> variants() {
    const gpu::AdapterInfo& info = device().info();
    return {{1, 1, info.subgroup_min / 2, 5, 1, XPlace::kWorkgroup},
            {1, 2, info.subgroup_max, 2, 3, XPlace::kWorkgroup},
            {1, 3, 2 * info.subgroup_max, 1, 2, XPlace::kStorage},
            {3, 2, 3 * info.subgroup_max, 1, 1, XPlace::kStorage},
            {8, 1, info.subgroup_max, 3, 2, XPlace::kStorage}};
  }

  void run_product(const DotInput& input, const DotProduct& product,
                   const DotMatvecVariant& variant, uint32_t rows, uint32_t first_row = 0) {
    const DotScratchBytes bytes = dot_scratch_bytes(product.weight.layout.cols, first_row + rows);
    const TestBuffer scratch_rows = output<std::byte>(bytes.rows);
    const TestBuffer scratch_lines = output<std::byte>(bytes.lines);
    std::vector<Dispatch> plan;
    ASSERT_TRUE(can_dot_matvec(device().info(), product));
    dot_matvec(device(), input, product, variant, {scratch_rows, scratch_lines}, plan);
    run(plan, {.rows = rows, .outputs = rows});
  }

  void expect_right(const RandomWeight& weight, uint32_t rows, const DotMatvecVariant& variant) {
    const WeightLayout& w = weight.layout();
    SCOPED_TRACE(testing::Message()
                 << wgsl_name(w.format) << " [" << w.rows << ", " << w.cols << "], " << rows
                 << " rows, " << variant.rows << " at once, " << variant.pairs << " pairs, "
                 << variant.lanes_k << " x " << variant.groups << " lanes, " << variant.turns
                 << " turns, x in " << static_cast<int>(variant.x));
    const std::vector<float> x = random_floats(size_t{rows} * w.cols, rows);
    const TestBuffer x_buffer = input(x);
    const TestBuffer y = output<float>(size_t{rows} * w.rows);
    run_product({.x = x_buffer},
                {.weight = weight, .finish = StoreFinish{.y = y, .y_stride = w.rows}}, variant,
                rows);
    expect_near(values<float>(y), product_ref(x, weight.values(), w.cols),
                rounded_tolerance(w.cols));
  }
};

TEST_F(DotMatvecTest, EveryFormat) {
  const uint32_t lanes = device().info().subgroup_max;
  for (const WeightFormat format : kAllWeightFormats) {
    const uint32_t k = 3 * std::max(block_of(format), 32U);
    const RandomWeight weight(device(), format, 33, k, k);
    expect_right(weight, 1, {1, 1, lanes, 2, 1, XPlace::kWorkgroup});
  }
}

TEST_F(DotMatvecTest, TheChosenVariants) {
  for (const uint32_t n : {1U, 17U, 2048U}) {
    const RandomWeight weight(device(), WeightFormat::kQ4_1, n, 64 * (n % 5), n);
    for (const uint32_t rows : {1U, 4U}) {
      expect_right(weight, rows, dot_matvec_variant(device().info(), weight.layout(), rows));
    }
  }
}

TEST_F(DotMatvecTest, EveryVariantForAnyRows) {
  for (const WeightFormat format : {WeightFormat::kQ4_1, WeightFormat::kF16}) {
    const RandomWeight weight(device(), format, 41, 672, 1);
    for (const DotMatvecVariant& variant : variants()) {
      for (const uint32_t rows : {1U, 3U, 8U, 9U}) {
        if (variant.rows == 1 && rows > 1) continue;
        expect_right(weight, rows, variant);
      }
    }
  }
}

TEST_F(DotMatvecTest, NormsTheRowsThatAreOutputs) {
  constexpr uint32_t kN = 24, kK = 544;
  const float eps = 1e-5F;
  for (const WeightFormat format : {WeightFormat::kQ8_0, WeightFormat::kBF16}) {
    const RandomWeight weight(device(), format, kN, kK, 2);
    const std::vector<float> x = random_floats(size_t{4} * kK, 3, -3, 3);
    const std::vector<float> norm = random_floats(kK, 4);
    const TestBuffer x_buffer = input(x), norm_buffer = input(norm);
    for (const std::vector<uint32_t>& rows : {std::vector{2U}, {3U, 1U, 0U}}) {
      std::vector<float> normed;
      for (const uint32_t row : rows) {
        const auto of_row = rms_norm_ref(std::span(x).subspan(size_t{row} * kK, kK), norm, eps);
        normed.insert(normed.end(), of_row.begin(), of_row.end());
      }
      const TestBuffer outputs = input(rows);
      const TestBuffer y = output<float>(rows.size() * kN);
      const auto n_rows = static_cast<uint32_t>(rows.size());
      run_product({.rows = Count::kOutputs,
                   .x = x_buffer,
                   .norm = norm_buffer,
                   .eps = eps,
                   .outputs = outputs},
                  {.weight = weight, .finish = StoreFinish{.y = y, .y_stride = kN}},
                  dot_matvec_variant(device().info(), weight.layout(), n_rows), n_rows);
      Tolerance tolerance = rounded_tolerance(kK);
      tolerance.absolute *= 2;  // x is up to 2 here
      expect_near(values<float>(y), product_ref(normed, weight.values(), kK), tolerance);
    }
  }
}

TEST_F(DotMatvecTest, RowsOfAnotherFormatStandBelow) {
  constexpr uint32_t kN = 24, kBelow = 18, kK = 512;
  const RandomWeight weight(device(), WeightFormat::kQ4_K, kN, kK, 3);
  const RandomWeight below(device(), WeightFormat::kQ6_K, kBelow, kK, 4);
  for (const DotMatvecVariant& variant : variants()) {
    const std::vector<float> x = random_floats(size_t{variant.rows} * kK, 5);
    const TestBuffer x_buffer = input(x);
    const TestBuffer y = output<float>(size_t{variant.rows} * (kN + kBelow));
    run_product(
        {.x = x_buffer},
        {.weight = weight, .below = below, .finish = StoreFinish{.y = y, .y_stride = kN + kBelow}},
        variant, variant.rows);
    const std::vector<double> above = product_ref(x, weight.values(), kK);
    const std::vector<double> under = product_ref(x, below.values(), kK);
    std::vector<double> want;
    for (uint32_t row = 0; row < variant.rows; ++row) {
      want.insert(want.end(), above.begin() + row * kN, above.begin() + (row + 1) * kN);
      want.insert(want.end(), under.begin() + row * kBelow, under.begin() + (row + 1) * kBelow);
    }
    expect_near(values<float>(y), want, rounded_tolerance(kK));
  }
}

TEST_F(DotMatvecTest, OtherFormatsDoNotStandBelow) {
  const WeightLayout q4_k = weight_layout(WeightFormat::kQ4_K, 24, 256);
  EXPECT_TRUE(can_stand_below(q4_k, weight_layout(WeightFormat::kQ6_K, 8, 256)));
  EXPECT_FALSE(can_stand_below(q4_k, weight_layout(WeightFormat::kQ5_K, 8, 256)));
  EXPECT_FALSE(can_stand_below(q4_k, weight_layout(WeightFormat::kQ6_K, 8, 512)));
  EXPECT_FALSE(can_stand_below(weight_layout(WeightFormat::kQ4_K, 12, 256),
                               weight_layout(WeightFormat::kQ6_K, 8, 256)));
}

TEST_F(DotMatvecTest, ZerosStayZeros) {
  const RandomWeight weight(device(), WeightFormat::kQ4_K, 8, 256, 1);
  const TestBuffer x = input(std::vector<float>(256, 0.0F));
  const TestBuffer y = output<float>(8);
  run_product({.x = x}, {.weight = weight, .finish = StoreFinish{.y = y, .y_stride = 8}},
              variants()[0], 1);
  EXPECT_EQ(values<float>(y), std::vector<float>(8, 0.0F));
}

TEST_F(DotMatvecTest, GatesOneHalfOfTheRowsWithTheOther) {
  constexpr uint32_t kFf = 37, kK = 96;
  const RandomWeight weight(device(), WeightFormat::kQ4_0, 2 * kFf, kK, 5);
  for (const uint32_t rows : {1U, 3U}) {
    const std::vector<float> x = random_floats(size_t{rows} * kK, 6);
    const std::vector<double> both = product_ref(x, weight.values(), kK);
    std::vector<float> gate, up;
    for (uint32_t row = 0; row < rows; ++row) {
      const auto first = both.begin() + ptrdiff_t{row} * 2 * kFf;
      gate.insert(gate.end(), first, first + kFf);
      up.insert(up.end(), first + kFf, first + 2 * kFf);
    }
    const TestBuffer x_buffer = input(x);
    for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh}) {
      const TestBuffer y = output<float>(size_t{rows} * kFf);
      run_product({.x = x_buffer},
                  {.weight = weight, .finish = SwigluFinish{.y = y, .activation = activation}},
                  dot_matvec_variant(device().info(), weight.layout(), rows), rows);
      expect_near(values<float>(y), swiglu_ref(gate, up, activation),
                  {.relative = 1e-3, .absolute = 1e-2});
    }
  }
}

struct Heads {
  uint32_t n_heads, n_kv_heads, head_dim, rope_dims;
  RopePairs pairs;
};

class DotMatvecRopeTest : public DotMatvecTest {
 protected:
  void SetUp() override {
    DotMatvecTest::SetUp();
    if (!IsSkipped() && !device().info().has_f16) GTEST_SKIP() << "no f16";
  }

  void check(const Heads& heads, const std::vector<uint32_t>& positions) {
    constexpr uint32_t kK = 64;
    constexpr float kMagnitude = 1.25;
    const auto n_rows = static_cast<uint32_t>(positions.size());
    const uint32_t n = (heads.n_heads + 2 * heads.n_kv_heads) * heads.head_dim;
    const RandomWeight weight(device(), WeightFormat::kQ8_0, n, kK, 7);
    const std::vector<float> x = random_floats(size_t{n_rows} * kK, 8);
    const uint32_t longest = *std::ranges::max_element(positions);
    const KvPages pages =
        scattered_pages(n_rows, longest / kBlockTokens + 1, heads.n_kv_heads, heads.head_dim, 9);
    std::vector<float> inv_freq;
    for (uint32_t i = 0; i < heads.rope_dims / 2; ++i) {
      inv_freq.push_back(std::pow(0.1F, static_cast<float>(i)));
    }
    std::vector<Row> rows;
    for (uint32_t i = 0; i < n_rows; ++i) {
      rows.push_back({.pos = positions[i], .seq = i, .place = pages.place(i, positions[i])});
    }

    const TestBuffer x_buffer = input(x), row_buffer = input(rows);
    const TestBuffer turns = input(rope_turns(inv_freq));
    const TestBuffer q = output<float>(size_t{n_rows} * heads.n_heads * heads.head_dim);
    const TestBuffer k_cache = output<uint16_t>(pages.size());
    const TestBuffer v_cache = output<uint16_t>(pages.size());
    run_product({.x = x_buffer},
                {.weight = weight,
                 .finish = RopeKvFinish{.shape = {.n_heads = heads.n_heads,
                                                  .n_kv_heads = heads.n_kv_heads,
                                                  .head_dim = heads.head_dim,
                                                  .rope_dims = heads.rope_dims,
                                                  .pairs = heads.pairs,
                                                  .magnitude = kMagnitude},
                                        .rows = row_buffer,
                                        .turns = turns,
                                        .q = q,
                                        .k_cache = k_cache,
                                        .v_cache = v_cache}},
                dot_matvec_variant(device().info(), weight.layout(), n_rows), n_rows);

    const std::vector<double> qkv = product_ref(x, weight.values(), kK);
    const std::vector<float> got_q = values<float>(q);
    const std::vector<uint16_t> keys = values<uint16_t>(k_cache), vs = values<uint16_t>(v_cache);
    size_t written = 0;
    for (uint32_t row = 0; row < n_rows; ++row) {
      for (uint32_t head = 0; head < heads.n_heads + 2 * heads.n_kv_heads; ++head) {
        const auto first = qkv.begin() + ptrdiff_t{row} * n + ptrdiff_t{head} * heads.head_dim;
        const std::vector<float> plain(first, first + heads.head_dim);
        const bool is_q = head < heads.n_heads;
        const bool is_k = !is_q && head < heads.n_heads + heads.n_kv_heads;
        const std::vector<double> turned =
            is_q || is_k
                ? rope_ref(plain, inv_freq, heads.pairs, positions[row], double{kMagnitude})
                : std::vector<double>(plain.begin(), plain.end());
        if (!is_q) written += is_k ? heads.head_dim : 0;
        for (uint32_t d = 0; d < heads.head_dim; ++d) {
          float got;
          if (is_q) {
            got = got_q[(size_t{row} * heads.n_heads + head) * heads.head_dim + d];
          } else {
            const size_t at =
                pages.at(row, positions[row], (head - heads.n_heads) % heads.n_kv_heads) + d;
            got = half_to_float(is_k ? keys[at] : vs[at]);
          }
          ASSERT_NEAR(got, turned[d], 1e-3 + 1e-3 * std::abs(turned[d]))
              << "row " << row << ", head " << head << ", element " << d;
        }
      }
    }
    const auto untouched = [](uint16_t half) { return half == (kNan & 0xffffU); };
    EXPECT_EQ(std::ranges::count_if(keys, untouched), pages.size() - written);
    EXPECT_EQ(std::ranges::count_if(vs, untouched), pages.size() - written);
  }
};

TEST_F(DotMatvecRopeTest, TurnsQueriesAndKeysAndFillsTheCache) {
  check({4, 2, 64, 64, RopePairs::kAdjacent}, {33});
  check({3, 3, 20, 8, RopePairs::kAdjacent}, {5, 31, 32});
  check({6, 2, 16, 16, RopePairs::kHalf}, {0, 64, 100, 7, 9});
}

TEST_F(DotMatvecRopeTest, HalvesOfPartOfAHeadAreLeftToOthers) {
  const RandomWeight weight(device(), WeightFormat::kQ8_0, 48, 32, 1);
  EXPECT_FALSE(can_dot_matvec(device().info(),
                              {.weight = weight,
                               .finish = RopeKvFinish{.shape = {.n_heads = 1,
                                                                .n_kv_heads = 1,
                                                                .head_dim = 16,
                                                                .rope_dims = 8,
                                                                .pairs = RopePairs::kHalf}}}));
}

}  // namespace
}  // namespace weft::kernels
