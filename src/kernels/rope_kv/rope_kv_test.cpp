#include "kernels/rope_kv/rope_kv.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/half.h"
#include "kernels/testing/kernel_fixture.h"
#include "kernels/testing/kv_pages.h"

namespace weft::kernels {
namespace {

std::vector<float> inv_freq(uint32_t rope_dims, double base) {
  std::vector<float> table;
  for (uint32_t i = 0; i < rope_dims; i += 2) {
    table.push_back(static_cast<float>(std::pow(base, -static_cast<double>(i) / rope_dims)));
  }
  return table;
}

// One row of each of some sequences.
struct Case {
  uint32_t n_heads, n_kv_heads, head_dim, rope_dims;
  RopePairs pairs;
  std::vector<uint32_t> positions;  // of row i, of sequence positions.size() - 1 - i
  Elements q = Elements::kF32;
  float magnitude = 1;
};

class RopeKvTest : public KernelTest {
 protected:
  struct Outcome {
    std::vector<float> q;
    std::vector<uint16_t> k_cache, v_cache;
  };

  static std::vector<Row> rows_of(const Case& c, const KvPages& pages) {
    std::vector<Row> rows;
    const auto n = static_cast<uint32_t>(c.positions.size());
    for (uint32_t i = 0; i < n; ++i) {
      const uint32_t seq = n - 1 - i;
      const uint32_t place = pages.place(seq, c.positions[i]);
      rows.push_back({.pos = c.positions[i], .seq = seq, .place = place});
    }
    return rows;
  }

  Outcome compute(const Case& c, const KvPages& pages, const std::vector<float>& q,
                  const std::vector<float>& k, const std::vector<float>& v) {
    const TestBuffer rows = input(rows_of(c, pages));
    std::vector<uint32_t> table = rope_turns(inv_freq(c.rope_dims, 10000));
    table.resize(std::max<size_t>(table.size(), 2));  // no binding is empty
    const TestBuffer turns = input(table);
    const bool halves = c.q == Elements::kF16;
    const TestBuffer qkv = input(side_by_side(c, q, k, v));
    const TestBuffer rotated_q = halves ? output<uint16_t>(q.size()) : output<float>(q.size());
    const TestBuffer k_cache = output<uint16_t>(pages.size());
    const TestBuffer v_cache = output<uint16_t>(pages.size());
    const auto dispatch = rope_kv(device(),
                                  {.n_heads = c.n_heads,
                                   .n_kv_heads = c.n_kv_heads,
                                   .head_dim = c.head_dim,
                                   .rope_dims = c.rope_dims,
                                   .pairs = c.pairs,
                                   .magnitude = c.magnitude,
                                   .q = c.q},
                                  {.rows = rows,
                                   .turns = turns,
                                   .qkv = qkv,
                                   .q = rotated_q,
                                   .k_cache = k_cache,
                                   .v_cache = v_cache});
    EXPECT_TRUE(dispatch.has_value());
    run(*dispatch, {.rows = static_cast<uint32_t>(c.positions.size())});
    return {halves ? floats_of_halves(values<uint16_t>(rotated_q)) : values<float>(rotated_q),
            values<uint16_t>(k_cache), values<uint16_t>(v_cache)};
  }

  // [rows, n_heads + 2 n_kv_heads, head_dim]
  static std::vector<float> side_by_side(const Case& c, std::span<const float> q,
                                         std::span<const float> k, std::span<const float> v) {
    std::vector<float> qkv;
    for (size_t row = 0; row < c.positions.size(); ++row) {
      for (const auto& x : {q, k, v}) {
        const size_t width = x.size() / c.positions.size();
        const auto part = x.subspan(row * width, width);
        qkv.insert(qkv.end(), part.begin(), part.end());
      }
    }
    return qkv;
  }

  // All heads of [rows, heads, head_dim] after rotation.
  static std::vector<double> rotated(const Case& c, std::span<const float> x) {
    std::vector<double> result;
    const size_t heads = x.size() / c.head_dim / c.positions.size();
    for (size_t i = 0; i < x.size(); i += c.head_dim) {
      const auto head = rope_ref(x.subspan(i, c.head_dim), inv_freq(c.rope_dims, 10000), c.pairs,
                                 c.positions[i / c.head_dim / heads], double{c.magnitude});
      result.insert(result.end(), head.begin(), head.end());
    }
    return result;
  }

  void check(const Case& c) {
    const size_t n_rows = c.positions.size();
    const auto q = random_floats(n_rows * c.n_heads * c.head_dim, 1);
    const auto k = random_floats(n_rows * c.n_kv_heads * c.head_dim, 2);
    const auto v = random_floats(n_rows * c.n_kv_heads * c.head_dim, 3);
    const uint32_t longest = *std::ranges::max_element(c.positions);
    const KvPages pages = scattered_pages(static_cast<uint32_t>(n_rows), longest / kBlockTokens + 1,
                                          c.n_kv_heads, c.head_dim, 4);
    const Outcome outcome = compute(c, pages, q, k, v);

    // Angles are right to 2^-32 turns and a rounding of the argument, cos and sin to two more.
    expect_near(outcome.q, rotated(c, q),
                {.relative = c.q == Elements::kF16 ? 0x1p-10 : 0,
                 .absolute = 6 * kEpsilon + (c.q == Elements::kF16 ? 0x1p-24 : 0)});
    const auto rotated_k = rotated(c, k);
    size_t written = 0;
    for (size_t i = 0; i < k.size(); i += c.head_dim) {
      const auto row = static_cast<uint32_t>(i / c.head_dim / c.n_kv_heads);
      const size_t at = pages.at(static_cast<uint32_t>(n_rows) - 1 - row, c.positions[row],
                                 static_cast<uint32_t>(i / c.head_dim % c.n_kv_heads));
      for (size_t d = 0; d < c.head_dim; ++d) {
        const double want = rotated_k[i + d];
        EXPECT_NEAR(half_to_float(outcome.k_cache[at + d]), want,
                    std::abs(want) * 0x1p-11 + 0x1p-25 + 6 * kEpsilon);
        EXPECT_EQ(outcome.v_cache[at + d], float_to_half(v[i + d]));
      }
      written += c.head_dim;
    }
    const auto untouched = [](uint16_t half) { return half == (kNan & 0xffffU); };
    EXPECT_EQ(std::ranges::count_if(outcome.k_cache, untouched), pages.size() - written);
    EXPECT_EQ(std::ranges::count_if(outcome.v_cache, untouched), pages.size() - written);
  }
};

TEST_F(RopeKvTest, IsWhatTheFormulaSays) {
  for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalf}) {
    check({1, 1, 4, 4, pairs, {0}});
    check({1, 1, 8, 4, pairs, {1, 2}});
    check({9, 3, 64, 64, pairs, {100, 31, 32}});
    check({3, 3, 80, 20, pairs, {63, 64, 65}});
    check({4, 1, 128, 128, pairs, {33}});
    check({1, 1, 256, 256, pairs, {95, 96}});
    check({4, 2, 12, 0, pairs, {1, 2}});
    check({4, 2, 64, 32, pairs, {7}, Elements::kF32, 1.4F});
  }
}

TEST_F(RopeKvTest, RotatesPartsThatAreNoWholeQuads) {
  for (const RopePairs pairs : {RopePairs::kAdjacent, RopePairs::kHalf}) {
    check({1, 1, 4, 2, pairs, {3}});
    check({4, 2, 12, 6, pairs, {100, 31, 32}});
    check({3, 3, 80, 78, pairs, {63, 64, 65}, Elements::kF32, 1.4F});
    if (device().info().has_f16) check({3, 3, 80, 18, pairs, {7}, Elements::kF16});
  }
}

TEST_F(RopeKvTest, StoresHalvesForMatrixUnits) {
  if (!device().info().has_f16) GTEST_SKIP() << "The device has no f16.";
  check({9, 3, 64, 64, RopePairs::kAdjacent, {100, 31, 32}, Elements::kF16});
  check({3, 3, 80, 20, RopePairs::kHalf, {63, 64, 65}, Elements::kF16});
}

TEST_F(RopeKvTest, StaysExactAtLargePositions) {
  for (const uint32_t pos : {8191U, 65537U, 131071U}) {
    check({1, 1, 64, 64, RopePairs::kAdjacent, {pos}});
    check({1, 1, 64, 64, RopePairs::kHalf, {pos}});
  }
}

TEST_F(RopeKvTest, TurnsAreFractionsInFixedPoint) {
  const std::vector<float> radians{0, 1e-6F, 1, 7};
  const std::vector<uint32_t> turns = rope_turns(radians);
  for (size_t i = 0; i < radians.size(); ++i) {
    const double turn = radians[i] / (2 * std::numbers::pi);
    EXPECT_NEAR(turns[2 * i] * 0x1p-32 + turns[2 * i + 1] * 0x1p-64, turn - std::floor(turn),
                0x1p-52);
  }
}

TEST_F(RopeKvTest, KeepsTheCacheFinite) {
  const Case c{1, 1, 4, 4, RopePairs::kAdjacent, {0}};
  const std::vector<float> large{1e6F, -1e6F, 65519, 65521};
  const Outcome outcome = compute(c, contiguous_pages(1, 1, 1, 4), large, large, large);
  const std::vector<uint16_t> want{0x7bff, 0xfbff, 0x7bff, 0x7bff};
  EXPECT_TRUE(std::ranges::equal(std::span(outcome.k_cache).first(4), want));
  EXPECT_TRUE(std::ranges::equal(std::span(outcome.v_cache).first(4), want));
}

TEST_F(RopeKvTest, RefusesHeadsThatAreNotWholeQuadsAndHalfPairs) {
  EXPECT_FALSE(
      rope_kv(device(), {.n_heads = 1, .n_kv_heads = 1, .head_dim = 6, .rope_dims = 4}, {}));
  EXPECT_FALSE(
      rope_kv(device(), {.n_heads = 1, .n_kv_heads = 1, .head_dim = 8, .rope_dims = 5}, {}));
}

}  // namespace
}  // namespace weft::kernels
