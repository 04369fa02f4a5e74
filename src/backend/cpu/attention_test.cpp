#include "backend/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/testing/instruction_sets.h"
#include "backend/cpu/testing/random.h"
#include "base/half.h"

namespace weft::backend {
namespace {

using testing::for_each_instruction_set;

constexpr uint32_t kTokens = 77;
constexpr uint32_t kKvHeads = 2;
constexpr uint16_t kNaN = 0x7e00;
constexpr size_t kStride = 32768;  // halves from block to block: more than any case has in one

// Queries, keys and values of kTokens tokens; blocks in an order of their own.
struct Case {
  uint32_t heads;  // of a KV head
  uint32_t dim;
  float softcap = 0;
  uint32_t window = 0;
  std::vector<uint32_t> blocks = {3, 0, 2};
  AlignedArray<uint16_t> memory;
  KvCache cache;
  std::vector<float> q;     // [token, kv_head, head, dim]
  std::vector<float> k, v;  // [token, kv_head, dim]
  AttentionScratch scratch;

  Case(uint32_t n_heads, uint32_t head_dim)
      : heads(n_heads),
        dim(head_dim),
        memory(4 * kStride),
        cache(shape(), memory.data(), kStride),
        scratch(n_heads, shape()) {
    std::mt19937 random(n_heads + head_dim);
    q = testing::random_floats(random, kTokens * kKvHeads * heads * dim, 4.0F);
    k = testing::random_floats(random, kTokens * kKvHeads * dim, 2.0F);
    v = testing::random_floats(random, kTokens * kKvHeads * dim);
    poison();
    for (uint32_t t = 0; t < kTokens; ++t) {
      const size_t at = t * kKvHeads * dim;
      store_key_value(cache, blocks[t / kBlockTokens], t % kBlockTokens, &k[at], &v[at]);
    }
  }

  [[nodiscard]] KvShape shape() const { return {.kv_heads = kKvHeads, .head_dim = dim}; }

  // What is not written must not be used.
  void poison() const {
    for (uint32_t block = 0; block < 4; ++block) {
      for (uint32_t head = 0; head < kKvHeads; ++head) {
        std::fill_n(cache.keys(block, head), dim * kBlockTokens, kNaN);
        for (uint32_t t = 0; t < kBlockTokens; ++t) {
          std::fill_n(cache.values(block, head) + t * shape().padded_dim(), dim, kNaN);
        }
      }
    }
  }

  [[nodiscard]] std::vector<float> attend_rows(uint32_t kv_head, uint32_t pos,
                                               uint32_t rows) const {
    std::vector<float> out(q.size(), std::numeric_limits<float>::quiet_NaN());
    const size_t stride = size_t{kKvHeads} * heads * dim;
    const size_t at = pos * stride + size_t{kv_head} * heads * dim;
    attend({.cache = &cache,
            .blocks = blocks,
            .pos = pos,
            .rows = rows,
            .kv_head = kv_head,
            .heads = heads,
            .scale = 0.3F,
            .softcap = softcap,
            .window = window,
            .q = &q[at],
            .out = &out[at],
            .stride = stride},
           scratch);
    return out;
  }

  // Of one query head of the token at `pos`: [dim].
  [[nodiscard]] std::vector<double> expected(uint32_t kv_head, uint32_t pos, uint32_t head) const {
    const auto half = [](float x) { return static_cast<double>(half_to_float(float_to_half(x))); };
    const uint32_t first = window == 0 || pos < window ? 0 : pos + 1 - window;
    std::vector<double> scores;
    for (uint32_t t = first; t <= pos; ++t) {
      double score = 0;
      for (uint32_t c = 0; c < dim; ++c) {
        score += static_cast<double>(q[((pos * kKvHeads + kv_head) * heads + head) * dim + c]) *
                 half(k[(t * kKvHeads + kv_head) * dim + c]);
      }
      score *= static_cast<double>(0.3F);
      const auto cap = static_cast<double>(softcap);
      scores.push_back(cap == 0 ? score : cap * std::tanh(score / cap));
    }
    const double largest = *std::ranges::max_element(scores);
    std::vector<double> sum(dim);
    double weight = 0;
    for (uint32_t t = first; t <= pos; ++t) {
      const double p = std::exp(scores[t - first] - largest);
      weight += p;
      for (uint32_t i = 0; i < dim; ++i) sum[i] += p * half(v[(t * kKvHeads + kv_head) * dim + i]);
    }
    for (double& value : sum) value /= weight;
    return sum;
  }
};

void expect_double_precision(const Case& c) {
  for (const auto& [pos, rows] :
       {std::pair(0U, 1U), {0U, 8U}, {3U, 5U}, {31U, 1U}, {32U, 8U}, {63U, 1U}, {72U, 5U}}) {
    const auto out = c.attend_rows(1, pos, rows);
    for (uint32_t row = pos; row < pos + rows; ++row) {
      for (uint32_t head = 0; head < c.heads; ++head) {
        const auto expected = c.expected(1, row, head);
        for (uint32_t i = 0; i < c.dim; ++i) {
          const float got = out[((row * kKvHeads + 1) * c.heads + head) * c.dim + i];
          // Scores reach dim * 8 * 0.3, and their errors become relative ones of the weights.
          ASSERT_NEAR(got, expected[i], 0x1p-22 * c.dim)
              << "heads " << c.heads << ", dim " << c.dim << ", pos " << row << ", head " << head;
        }
      }
    }
  }
}

TEST(Attention, MatchesDoublePrecision) {
  for (const auto& [heads, dim] : {std::pair(1U, 64U), {3U, 64U}, {5U, 20U}, {8U, 128U}}) {
    const Case c(heads, dim);
    for_each_instruction_set([&] { expect_double_precision(c); });
  }
}

TEST(Attention, WindowsAndSoftCapsMatchDoublePrecision) {
  Case c(3, 64);
  c.softcap = 7;
  for (const uint32_t window : {0U, 1U, 5U, 32U, 33U, 40U, 76U, 77U}) {
    c.window = window;
    for_each_instruction_set([&] { expect_double_precision(c); });
  }
}

TEST(Attention, ARowHasTheSameBitsAloneAndWithOthers) {
  Case c(3, 64);
  for (const uint32_t window : {0U, 36U}) {  // of 36: rows from 67 on see nothing of block 0
    c.window = window;
    for_each_instruction_set([&] {
      const auto together = c.attend_rows(0, 64, 8);
      for (uint32_t pos = 64; pos < 72; ++pos) {
        const auto alone = c.attend_rows(0, pos, 1);
        const size_t at = size_t{pos} * kKvHeads * 3 * 64;
        EXPECT_TRUE(std::equal(&alone[at], &alone[at + 3 * 64], &together[at])) << pos;
      }
    });
  }
}

}  // namespace
}  // namespace weft::backend
