#include "kernels/embedding/embedding.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "kernels/testing/kernel_fixture.h"
#include "kernels/testing/random_weight.h"

namespace weft::kernels {
namespace {

// An embedding in one or several parts.
using Table = std::vector<RandomWeight>;

std::vector<double> rows_of(const Table& table, const std::vector<uint32_t>& tokens) {
  std::vector<double> values;
  for (const RandomWeight& part : table) {
    const std::vector<double> part_values = part.values();
    values.insert(values.end(), part_values.begin(), part_values.end());
  }
  const uint32_t cols = table.front().layout().cols;
  std::vector<double> x;
  for (const uint32_t token : tokens) {
    const auto row = std::span(values).subspan(token * cols, cols);
    x.insert(x.end(), row.begin(), row.end());
  }
  return x;
}

std::vector<Row> rows_with(const std::vector<uint32_t>& tokens) {
  std::vector<Row> rows;
  for (const uint32_t token : tokens) rows.push_back({.token = token});
  return rows;
}

// A scale times a small number, and perhaps a minimum.
constexpr Tolerance kRounding{.relative = 4 * kEpsilon, .absolute = 4 * kEpsilon};

class EmbeddingTest : public KernelTest {
 protected:
  Table random_table(WeightFormat format, const std::vector<uint32_t>& part_tokens, uint32_t cols) {
    Table table;
    for (const uint32_t tokens : part_tokens) {
      table.emplace_back(device(), format, tokens, cols, static_cast<uint32_t>(table.size()));
    }
    return table;
  }

  std::vector<float> compute(const Table& table, const std::vector<Row>& rows,
                             const std::vector<uint32_t>& slots, float scale = 1) {
    const TestBuffer row_buffer = input(rows), slot_buffer = input(slots);
    const TestBuffer x = output<float>(rows.size() * table.front().layout().cols);
    uint32_t vocab = 0;
    for (const RandomWeight& part : table) vocab += part.layout().rows;
    uint32_t first_token = 0;
    std::vector<Dispatch> dispatches;
    for (const RandomWeight& part : table) {
      auto dispatch =
          embedding(device(), {.vocab = vocab, .first_token = first_token, .scale = scale}, part,
                    {.rows = row_buffer, .slot_tokens = slot_buffer, .x = x});
      EXPECT_TRUE(dispatch.has_value());
      dispatches.push_back(std::move(*dispatch));
      first_token += part.layout().rows;
    }
    run(dispatches, {.rows = static_cast<uint32_t>(rows.size())});
    return values<float>(x);
  }
};

TEST_F(EmbeddingTest, IsTheTokensRowInEveryFormat) {
  for (const WeightFormat format : kAllWeightFormats) {
    for (const uint32_t blocks : {1U, 3U, 9U}) {
      SCOPED_TRACE(testing::Message() << wgsl_name(format) << ", " << blocks << " blocks");
      const Table table = random_table(format, {11}, blocks * std::max(block_of(format), 4U));
      const std::vector<uint32_t> tokens{10, 0, 3, 3, 7};
      expect_near(compute(table, rows_with(tokens), {0}), rows_of(table, tokens), kRounding);
    }
  }
}

TEST_F(EmbeddingTest, InParts) {
  const Table table = random_table(WeightFormat::kQ8_0, {4, 2, 5}, 288);
  const std::vector<uint32_t> tokens{0, 3, 4, 5, 6, 9, 10};
  expect_near(compute(table, rows_with(tokens), {0}), rows_of(table, tokens), kRounding);
}

TEST_F(EmbeddingTest, OfPositionsIsAdded) {
  const Table table = random_table(WeightFormat::kF32, {5}, 12);
  const std::vector<float> before = random_floats(2 * 12, 1);
  std::vector<double> want = rows_of(table, {4, 1});
  for (size_t i = 0; i < want.size(); ++i) want[i] += before[i];
  const TestBuffer rows = input(std::vector<Row>{{.token = 9, .pos = 4}, {.token = 9, .pos = 1}});
  const TestBuffer slots = input(std::vector{0U}), x = input(before);
  const auto dispatch = embedding(device(), {.vocab = 5, .of_positions = true}, table.front(),
                                  {.rows = rows, .slot_tokens = slots, .x = x});
  ASSERT_TRUE(dispatch.has_value());
  run(*dispatch, {.rows = 2});
  expect_near(values<float>(x), want, kRounding);
}

TEST_F(EmbeddingTest, Scaled) {
  const Table table = random_table(WeightFormat::kQ8_0, {5}, 64);
  const std::vector<uint32_t> tokens{4, 0};
  std::vector<double> want = rows_of(table, tokens);
  for (double& value : want) value *= 24;
  expect_near(compute(table, rows_with(tokens), {0}, 24), want, kRounding);
}

// Of a dispatch for tokens 4 and 5 alone.
TEST_F(EmbeddingTest, APartLeavesTheRowsOfOthers) {
  const Table part = random_table(WeightFormat::kF32, {2}, 4);
  const TestBuffer rows = input(rows_with({3, 4, 5, 6})), slots = input(std::vector{0U});
  const TestBuffer x = output<float>(16);
  const auto dispatch = embedding(device(), {.vocab = 7, .first_token = 4}, part.front(),
                                  {.rows = rows, .slot_tokens = slots, .x = x});
  ASSERT_TRUE(dispatch.has_value());
  run(*dispatch, {.rows = 4});
  const std::vector<float> got = values<float>(x);
  const auto is_nan = [](float value) { return std::isnan(value); };
  EXPECT_TRUE(std::ranges::all_of(std::span(got).first(4), is_nan));
  EXPECT_TRUE(std::ranges::none_of(std::span(got).subspan(4, 8), is_nan));
  EXPECT_TRUE(std::ranges::all_of(std::span(got).last(4), is_nan));
}

TEST_F(EmbeddingTest, TakesTheTokenOfTheSlot) {
  const Table table = random_table(WeightFormat::kF16, {5}, 12);
  const std::vector<Row> rows{{.token = kTokenOfSlot, .slot = 2},
                              {.token = 1, .slot = 2},
                              {.token = kTokenOfSlot, .slot = 0}};
  expect_near(compute(table, rows, {3, 0, 4}), rows_of(table, {4, 1, 3}), kRounding);
}

TEST_F(EmbeddingTest, TakesTokensPastTheVocabularyForTheLast) {
  const Table table = random_table(WeightFormat::kF32, {2, 3}, 4);
  const std::vector<Row> rows{{.token = 5}, {.token = kTokenOfSlot}, {.token = 0xfffffffeU}};
  expect_near(compute(table, rows, {0xffffffffU}), rows_of(table, {4, 4, 4}), kRounding);
}

TEST_F(EmbeddingTest, RefusesColumnsThatAreNotWholeQuads) {
  EXPECT_FALSE(
      embedding(device(), {.vocab = 1}, {.layout = weight_layout(WeightFormat::kF32, 1, 6)}, {}));
}

}  // namespace
}  // namespace weft::kernels
