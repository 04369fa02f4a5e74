#include "backend/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <ranges>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/testing/instruction_sets.h"
#include "backend/cpu/testing/kv_contents.h"
#include "backend/cpu/testing/random.h"

namespace weft::backend {
namespace {

using testing::for_each_instruction_set;

constexpr uint32_t kTokens = 301;  // three chunks, the last of two blocks
constexpr uint32_t kKvHeads = 2;
constexpr KvTypes kAllTypes[] = {{KvType::kF16, KvType::kF16},
                                 {KvType::kQ8_0, KvType::kF16},
                                 {KvType::kF16, KvType::kQ8_0},
                                 {KvType::kQ8_0, KvType::kQ8_0}};

// Queries, keys and values of kTokens tokens; blocks in an order of their own.
struct Case {
  uint32_t heads;  // of a KV head
  uint32_t dim;
  KvTypes types;
  model::Attention spec{.scale = 0.3F};
  std::vector<float> sinks;  // of one KV head; empty: none
  std::vector<uint32_t> blocks = {3, 10, 2, 5, 0, 9, 1, 4, 8, 7};
  AlignedArray<std::byte> memory;
  KvCache cache;
  std::vector<float> q;  // [token, kv_head, head, dim]
  AttentionScratch scratch;

  Case(uint32_t n_heads, uint32_t head_dim, KvTypes kv_types = {})
      : heads(n_heads),
        dim(head_dim),
        types(kv_types),
        memory(11 * shape().block_bytes()),
        cache(shape(), memory.data(), shape().block_bytes()),
        scratch(n_heads, shape()) {
    std::mt19937 random(n_heads + head_dim);
    q = testing::random_floats(random, kTokens * kKvHeads * heads * dim, 4.0F);
    const auto k = testing::random_floats(random, kTokens * kKvHeads * dim, 2.0F);
    const auto v = testing::random_floats(random, kTokens * kKvHeads * dim);
    // What is not written must not be used: NaN as binary16 and so as scales.
    const std::span all(reinterpret_cast<uint16_t*>(memory.data()), memory.size_bytes() / 2);
    std::ranges::fill(all, uint16_t{0x7e00});
    for (uint32_t t = 0; t < kTokens; ++t) {
      const size_t at = t * kKvHeads * dim;
      store_key_value(cache, blocks[t / kBlockTokens], t % kBlockTokens, &k[at], &v[at]);
    }
  }

  [[nodiscard]] KvShape shape() const {
    return {.kv_heads = kKvHeads, .head_dim = dim, .types = types};
  }

  [[nodiscard]] AttentionItem item(uint32_t kv_head, uint32_t pos, uint32_t rows,
                                   std::vector<float>& out) const {
    out.assign(q.size(), std::numeric_limits<float>::quiet_NaN());
    const size_t stride = size_t{kKvHeads} * heads * dim;
    const size_t at = pos * stride + size_t{kv_head} * heads * dim;
    return {.spec = &spec,
            .cache = &cache,
            .blocks = blocks,
            .pos = pos,
            .rows = rows,
            .kv_head = kv_head,
            .heads = heads,
            .sinks = sinks.empty() ? nullptr : sinks.data(),
            .q = &q[at],
            .out = &out[at],
            .stride = stride};
  }

  [[nodiscard]] std::vector<float> attend_rows(uint32_t kv_head, uint32_t pos,
                                               uint32_t rows) const {
    std::vector<float> out;
    attend(item(kv_head, pos, rows, out), scratch);
    return out;
  }

  // The same, the pieces one after the other from the last to the first.
  [[nodiscard]] std::vector<float> attend_in_pieces(uint32_t kv_head, uint32_t pos,
                                                    uint32_t rows) const {
    std::vector<float> out;
    const AttentionItem at = item(kv_head, pos, rows, out);
    const WeightedSums sums(size_t{at.chunks()} * at.queries(), shape().padded_dim());
    ready_queries(at, scratch);
    for (uint32_t chunk = at.chunks(); chunk-- > 0;) {
      const AttentionPiece next{&at, 0};
      attend_piece({&at, chunk}, next, scratch,
                   sums.all().subspan(size_t{chunk} * at.queries(), at.queries()));
    }
    join_chunks(at, sums.all(), scratch);
    return out;
  }

  // Of one query head of the token at `pos`: [dim].
  [[nodiscard]] std::vector<double> expected(uint32_t kv_head, uint32_t pos, uint32_t head) const {
    const uint32_t window = spec.window;
    uint32_t first = window == 0 || pos < window ? 0 : pos + 1 - window;
    if (spec.chunked) first = pos / window * window;
    const double steps = std::floor((pos + 1.0) / spec.temperature.length);
    const double warmth = 1 + static_cast<double>(spec.temperature.scale) * std::log(1 + steps);
    std::vector<double> scores;
    for (uint32_t t = first; t <= pos; ++t) {
      double score = 0;
      for (uint32_t c = 0; c < dim; ++c) {
        score += static_cast<double>(q[((pos * kKvHeads + kv_head) * heads + head) * dim + c]) *
                 testing::stored_key(cache, blocks[t / kBlockTokens], t % kBlockTokens, kv_head, c);
      }
      score *= static_cast<double>(0.3F) * warmth;
      const auto cap = static_cast<double>(spec.softcap);
      scores.push_back(cap == 0 ? score : cap * std::tanh(score / cap));
    }
    const double largest = *std::ranges::max_element(scores);
    std::vector<double> sum(dim);
    double weight = sinks.empty() ? 0 : std::exp(static_cast<double>(sinks[head]) - largest);
    for (uint32_t t = first; t <= pos; ++t) {
      const double p = std::exp(scores[t - first] - largest);
      weight += p;
      for (uint32_t i = 0; i < dim; ++i) {
        sum[i] += p * testing::stored_value(cache, blocks[t / kBlockTokens], t % kBlockTokens,
                                            kv_head, i);
      }
    }
    for (double& value : sum) value /= weight;
    return sum;
  }

  // Scores reach dim * 8 * 0.3, and their errors become relative ones of the weights. Queries for
  // keys as bytes are rounded to 16 bits: each by up to 2^-16 * 1.2, times 2, dim times, at worst.
  [[nodiscard]] double tolerance() const {
    return (types.keys == KvType::kF16 ? 0x1p-22 : 0x1p-17) * dim;
  }
};

void expect_double_precision(const Case& c) {
  for (const auto& [pos, rows] : {std::pair(0U, 1U),
                                  {0U, 8U},
                                  {3U, 5U},
                                  {31U, 1U},
                                  {32U, 8U},
                                  {63U, 1U},
                                  {127U, 1U},
                                  {128U, 8U},
                                  {296U, 5U}}) {
    const auto out = c.attend_rows(1, pos, rows);
    for (uint32_t row = pos; row < pos + rows; ++row) {
      for (uint32_t head = 0; head < c.heads; ++head) {
        const auto expected = c.expected(1, row, head);
        for (uint32_t i = 0; i < c.dim; ++i) {
          const float got = out[((row * kKvHeads + 1) * c.heads + head) * c.dim + i];
          ASSERT_NEAR(got, expected[i], c.tolerance())
              << "heads " << c.heads << ", dim " << c.dim << ", keys " << name(c.types.keys)
              << ", values " << name(c.types.values) << ", pos " << row << ", head " << head;
        }
      }
    }
  }
}

TEST(Attention, MatchesDoublePrecision) {
  for (const auto& [heads, dim] : {std::pair(1U, 64U), {3U, 64U}, {5U, 20U}, {8U, 128U}}) {
    for (const KvTypes types : kAllTypes) {
      const Case c(heads, dim, types);
      for_each_instruction_set([&] { expect_double_precision(c); });
    }
  }
}

// Of no weight, of some, of nearly all.
TEST(Attention, SinksMatchDoublePrecision) {
  Case c(3, 64);
  c.sinks = {-1000, 2, 60};
  for (const uint32_t window : {0U, 5U}) {
    c.spec.window = window;
    for_each_instruction_set([&] { expect_double_precision(c); });
  }
}

TEST(Attention, WindowsAndSoftCapsMatchDoublePrecision) {
  for (const KvTypes types : {kAllTypes[0], kAllTypes[3]}) {
    Case c(3, 64, types);
    c.spec.softcap = 7;
    for (const uint32_t window : {0U, 1U, 5U, 33U, 128U, 140U, 301U}) {
      c.spec.window = window;
      for_each_instruction_set([&] { expect_double_precision(c); });
    }
  }
}

TEST(Attention, ChunksMatchDoublePrecision) {
  Case c(3, 64);
  c.spec.chunked = true;
  for (const uint32_t window : {1U, 5U, 100U, 128U, 134U}) {
    c.spec.window = window;
    for_each_instruction_set([&] { expect_double_precision(c); });
  }
}

TEST(Attention, TemperaturesMatchDoublePrecision) {
  Case c(3, 64);
  c.spec.temperature = {.scale = 0.3F, .length = 40};
  for_each_instruction_set([&] { expect_double_precision(c); });
}

TEST(Attention, ARowHasTheSameBitsAloneAndWithOthersAndInPieces) {
  for (const KvTypes types : kAllTypes) {
    Case c(3, 64, types);
    for (const uint32_t window : {0U, 134U}) {  // of 134: rows from 261 on see nothing of chunk 0
      c.spec.window = window;
      for_each_instruction_set([&] {
        const auto together = c.attend_rows(0, 256, 8);
        for (uint32_t pos = 256; pos < 264; ++pos) {
          const auto alone = c.attend_rows(0, pos, 1);
          const auto in_pieces = c.attend_in_pieces(0, pos, 1);
          const size_t at = size_t{pos} * kKvHeads * 3 * 64;
          EXPECT_TRUE(std::equal(&alone[at], &alone[at + 3 * 64], &together[at])) << pos;
          EXPECT_TRUE(std::equal(&alone[at], &alone[at + 3 * 64], &in_pieces[at])) << pos;
        }
      });
    }
  }
}

}  // namespace
}  // namespace weft::backend
