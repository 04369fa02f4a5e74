#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>

#include "base/half.h"
#include "kernels/elements.h"
#include "kernels/testing/kernel_fixture.h"
#include "kernels/testing/kv_pages.h"

namespace weft::kernels {
namespace {

// Queries of some rows over caches of random halfs.
struct Problem {
  Attention shape;
  std::vector<Row> rows;
  std::vector<float> q;      // [rows, n_heads, head_dim]
  std::vector<float> sinks;  // [n_heads], or none
  std::vector<std::vector<uint16_t>> sequence_keys,
      sequence_values;  // [seq][pos, kv_head, head_dim]
};

struct Heads {
  uint32_t n_heads, n_kv_heads, head_dim;
};

std::vector<uint16_t> random_halves(size_t count, uint32_t seed) {
  std::vector<uint16_t> halves;
  for (const float value : random_floats(count, seed)) halves.push_back(float_to_half(value));
  return halves;
}

Problem random_problem(const Heads& heads, const std::vector<Row>& rows) {
  Problem problem{.shape = {.n_heads = heads.n_heads,
                            .n_kv_heads = heads.n_kv_heads,
                            .head_dim = heads.head_dim,
                            .scale = 1 / std::sqrt(static_cast<float>(heads.head_dim))},
                  .rows = rows};
  uint32_t length = 0, sequences = 0;
  for (const Row& row : rows) {
    length = std::max(length, row.pos + 1);
    sequences = std::max(sequences, row.seq + 1);
  }
  problem.shape.max_blocks = (length + kBlockTokens - 1) / kBlockTokens + 1;
  problem.q = random_floats(rows.size() * heads.n_heads * heads.head_dim, length, -4, 4);
  for (uint32_t seq = 0; seq < sequences; ++seq) {
    const size_t count = size_t{length} * heads.n_kv_heads * heads.head_dim;
    problem.sequence_keys.push_back(random_halves(count, 2 * seq + 1));
    problem.sequence_values.push_back(random_halves(count, 2 * seq + 2));
  }
  return problem;
}

// What a row sees of a KV head: [keys, head_dim].
std::vector<float> seen(const Problem& problem, const std::vector<std::vector<uint16_t>>& of,
                        const Row& row, uint32_t kv_head) {
  const uint32_t dim = problem.shape.head_dim;
  std::vector<float> values;
  const uint32_t window = problem.shape.window;
  uint32_t first_seen = window == 0 || window > row.pos ? 0 : row.pos + 1 - window;
  if (problem.shape.chunked) first_seen = row.pos / window * window;
  for (uint32_t pos = first_seen; pos <= row.pos; ++pos) {
    const size_t first = (size_t{pos} * problem.shape.n_kv_heads + kv_head) * dim;
    for (uint32_t d = 0; d < dim; ++d) values.push_back(half_to_float(of[row.seq][first + d]));
  }
  return values;
}

std::vector<double> reference(const Problem& problem) {
  const Attention& shape = problem.shape;
  std::vector<double> y;
  for (size_t i = 0; i < problem.rows.size() * shape.n_heads; ++i) {
    const Row& row = problem.rows[i / shape.n_heads];
    const auto head = static_cast<uint32_t>(i % shape.n_heads);
    const uint32_t kv_head = head / (shape.n_heads / shape.n_kv_heads);
    const double steps = std::floor((row.pos + 1.0) / shape.temperature_length);
    const double scale = shape.scale * (1 + shape.temperature * std::log(1 + steps));
    const auto head_y = attention_ref(
        std::span(problem.q).subspan(i * shape.head_dim, shape.head_dim),
        seen(problem, problem.sequence_keys, row, kv_head),
        seen(problem, problem.sequence_values, row, kv_head), scale, double{shape.soft_cap},
        problem.sinks.empty() ? std::nullopt : std::optional<double>(problem.sinks[head]));
    y.insert(y.end(), head_y.begin(), head_y.end());
  }
  return y;
}

// The cache with each sequence's halfs on its pages, and zeros where no key is.
std::vector<uint16_t> paged(const Problem& problem, const KvPages& pages,
                            const std::vector<std::vector<uint16_t>>& of) {
  std::vector<uint16_t> cache(pages.size());
  const Attention& shape = problem.shape;
  for (uint32_t seq = 0; seq < of.size(); ++seq) {
    for (size_t i = 0; i < of[seq].size(); i += shape.head_dim) {
      const auto head = static_cast<uint32_t>(i / shape.head_dim);
      const size_t at = pages.at(seq, head / shape.n_kv_heads, head % shape.n_kv_heads);
      std::ranges::copy_n(of[seq].begin() + static_cast<ptrdiff_t>(i), shape.head_dim,
                          cache.begin() + static_cast<ptrdiff_t>(at));
    }
  }
  return cache;
}

KvPages scattered(const Problem& problem) {
  return scattered_pages(static_cast<uint32_t>(problem.sequence_keys.size()),
                         problem.shape.max_blocks, problem.shape.n_kv_heads, problem.shape.head_dim,
                         7);
}

// Rows of one sequence with neighbouring positions, up to kTileRows of them.
std::vector<Tile> tiles_of(const std::vector<Row>& rows) {
  std::vector<Tile> tiles;
  for (uint32_t i = 0; i < rows.size(); ++i) {
    const bool goes_on = i > 0 && rows[i].seq == rows[i - 1].seq &&
                         rows[i].pos == rows[i - 1].pos + 1 && tiles.back().n_rows < kTileRows;
    if (goes_on) {
      ++tiles.back().n_rows;
    } else {
      tiles.push_back({.first_row = i, .n_rows = 1, .seq = rows[i].seq});
    }
  }
  return tiles;
}

std::vector<Row> rows_from(uint32_t seq, uint32_t first_pos, uint32_t count) {
  std::vector<Row> rows;
  for (uint32_t i = 0; i < count; ++i) rows.push_back({.pos = first_pos + i, .seq = seq});
  return rows;
}

std::vector<uint16_t> halves_of(std::span<const float> values) {
  std::vector<uint16_t> halves;
  for (const float value : values) halves.push_back(float_to_half(value));
  return halves;
}

// With queries rounded to f16.
Problem with_halves(Problem problem) {
  for (float& value : problem.q) value = half_to_float(float_to_half(value));
  return problem;
}

// Products of head_dim terms, exponentials of their sum, sums over the keys; |v| is at most 1.
Tolerance rounding(const Problem& problem) {
  const double keys = problem.shape.max_blocks * kBlockTokens;
  return {.absolute = kEpsilon * (problem.shape.head_dim + std::sqrt(keys))};
}

// On a device without features too: attention_of_rows chooses another shader there.
class AttentionTest : public KernelTest, public testing::WithParamInterface<Features> {
 protected:
  AttentionTest() : KernelTest(GetParam()) {}

  enum class By : uint8_t { kRows, kTiles };

  // With `matrix`, tiles on matrix units.
  std::vector<float> compute(const Problem& problem, By by, const KvPages& pages,
                             const std::optional<SubgroupMatrix>& matrix = {}) {
    const Attention& shape = problem.shape;
    const TestBuffer rows = input(problem.rows), table = input(pages.block_table);
    const TestBuffer q = matrix ? input(halves_of(problem.q)) : input(problem.q);
    const TestBuffer k = input(paged(problem, pages, problem.sequence_keys));
    const TestBuffer v = input(paged(problem, pages, problem.sequence_values));
    const size_t columns = size_t{shape.n_heads} * shape.head_dim;
    const TestBuffer y = matrix ? output<uint16_t>(chunks_size(problem.rows.size(), columns))
                                : output<float>(problem.q.size());
    const TestBuffer sinks = input(problem.sinks.empty() ? std::vector{0.0F} : problem.sinks);
    AttentionBuffers buffers{
        .rows = rows, .block_table = table, .q = q, .k_cache = k, .v_cache = v, .y = y};
    if (!problem.sinks.empty()) buffers.sinks = sinks;
    StepCounts counts{.rows = static_cast<uint32_t>(problem.rows.size())};
    for (const Row& row : problem.rows) counts.length = std::max(counts.length, row.pos + 1);
    if (by == By::kRows) {
      const AttentionScratchBytes bytes = attention_scratch_bytes(shape, counts.rows);
      const TestBuffer acc = output<std::byte>(bytes.acc), stats = output<std::byte>(bytes.stats);
      const auto dispatches = attention_of_rows(device(), shape, buffers, {acc, stats});
      EXPECT_TRUE(dispatches.has_value());
      run(*dispatches, counts);
      (void)values<float>(acc);  // for its canaries
      (void)values<float>(stats);
    } else {
      const std::vector<Tile> tiles = tiles_of(problem.rows);
      counts.tiles = static_cast<uint32_t>(tiles.size());
      const TestBuffer tile_buffer = input(tiles);
      const auto dispatch =
          matrix ? attention_on_matrices(device(), shape, buffers, tile_buffer, *matrix)
                 : attention_of_tiles(device(), shape, buffers, tile_buffer);
      EXPECT_TRUE(dispatch.has_value());
      run(*dispatch, counts);
    }
    return matrix ? rows_of_chunks(values<uint16_t>(y), problem.rows.size(), columns)
                  : values<float>(y);
  }

  // The device's, and stand-ins of which a row has one lane and two.
  std::vector<SubgroupMatrix> matrices() {
    std::vector<SubgroupMatrix> matrices;
    if (!device().info().has_f16) return matrices;
    if (const auto matrix = subgroup_matrix(device().info())) matrices.push_back(*matrix);
    if (auto matrix = stand_in_matrix(device().info())) {
      for (const uint32_t lanes_of_row : {1U, 2U}) {
        matrix->m = std::min(matrix->lanes, 16U) / lanes_of_row;
        matrices.push_back(*matrix);
      }
    }
    return matrices;
  }

  void check(const Heads& heads, const std::vector<Row>& rows, By by) {
    SCOPED_TRACE(testing::Message() << heads.n_heads << " heads, " << heads.n_kv_heads
                                    << " KV heads of " << heads.head_dim << ", " << rows.size()
                                    << " rows, the last at " << rows.back().pos);
    const Problem problem = random_problem(heads, rows);
    expect_near(compute(problem, by, scattered(problem)), reference(problem), rounding(problem));
  }
};

constexpr Heads kShapes[] = {{1, 1, 16},  {9, 3, 64}, {8, 1, 64}, {10, 2, 64},
                             {11, 1, 64}, {4, 2, 80}, {6, 2, 96}, {8, 2, 128},
                             {4, 2, 256}, {4, 1, 8},  {4, 2, 12}, {6, 3, 68}};

TEST(AttentionOnMatrices, NeedsLanesForEachRow) {
  const auto can = [](uint32_t m, uint32_t lanes) {
    return can_attend_on({.m = m, .n = 16, .k = 16, .lanes = lanes});
  };
  EXPECT_TRUE(can(16, 32) && can(16, 64) && can(8, 32) && can(8, 8) && can(16, 16));
  EXPECT_FALSE(can(16, 8) || can(8, 64));  // a row without a lane, lanes without an eight
}

INSTANTIATE_TEST_SUITE_P(Features, AttentionTest, testing::Values(Features::kAll, Features::kNone),
                         [](const auto& features) {
                           return features.param == Features::kAll ? "All" : "None";
                         });

TEST_P(AttentionTest, OfRowsIsWhatTheFormulaSays) {
  for (const Heads& heads : kShapes) check(heads, {{.pos = 140}, {.pos = 3, .seq = 1}}, By::kRows);
  for (const uint32_t length : {1U, 2U, 31U, 32U, 33U, 127U, 128U, 129U, 256U, 257U, 1009U}) {
    check({6, 2, 64}, {{.pos = length - 1}}, By::kRows);
  }
}

TEST_P(AttentionTest, OfTilesIsWhatTheFormulaSays) {
  for (const Heads& heads : kShapes) check(heads, rows_from(0, 45, 22), By::kTiles);
  for (const uint32_t count : {1U, 2U, 21U, 22U, 31U, 32U, 33U, 63U, 64U, 65U, 131U}) {
    check({3, 1, 64}, rows_from(0, 0, count), By::kTiles);
    check({2, 2, 128}, rows_from(0, 37, count), By::kTiles);
  }
}

// Weights are rounded to f16, by 2^-11.
TEST_P(AttentionTest, OnMatricesIsWhatTheFormulaSays) {
  if (matrices().empty()) GTEST_SKIP() << "Subgroups of one size and f16 are needed.";
  std::vector<Row> mixed = rows_from(1, 5, 70);
  std::ranges::copy(rows_from(0, 90, 1), std::back_inserter(mixed));
  std::ranges::copy(rows_from(2, 0, 33), std::back_inserter(mixed));
  for (const SubgroupMatrix& matrix : matrices()) {
    const auto check_halves = [&](const Heads& heads, const std::vector<Row>& rows) {
      SCOPED_TRACE(testing::Message()
                   << heads.n_heads << " heads, " << heads.n_kv_heads << " KV heads of "
                   << heads.head_dim << ", " << rows.size() << " rows, the last at "
                   << rows.back().pos << ", matrices of " << matrix.m << " rows");
      const Problem problem = with_halves(random_problem(heads, rows));
      expect_near(compute(problem, By::kTiles, scattered(problem), matrix), reference(problem),
                  {.absolute = 0x1p-10});
    };
    check_halves({6, 2, 16}, mixed);
    check_halves({4, 1, 16}, rows_from(0, 37, 65));
    if (matrix.stands_in) continue;  // whose longer heads a CPU's driver takes long to compile
    for (const Heads& heads : kShapes) {
      if (heads.n_heads * heads.head_dim % 32 != 0 || heads.head_dim % kMatrixHeadUnit != 0)
        continue;
      check_halves(heads, rows_from(0, 45, 22));
    }
    for (const uint32_t count : {1U, 2U, 21U, 22U, 31U, 32U, 33U, 63U, 64U, 65U, 131U}) {
      check_halves({3, 1, 64}, rows_from(0, 0, count));
      check_halves({2, 2, 128}, rows_from(0, 37, count));
    }
  }
}

// Scores that grow by hundreds along the keys: sums are scaled again and again.
TEST_P(AttentionTest, LargeScoresOnMatricesStayFinite) {
  if (matrices().empty()) GTEST_SKIP() << "Subgroups of one size and f16 are needed.";
  Problem problem = random_problem({6, 2, 16}, rows_from(0, 120, 40));
  for (float& value : problem.q) value *= 100;
  problem = with_halves(problem);
  for (const SubgroupMatrix& matrix : matrices()) {
    expect_near(compute(problem, By::kTiles, scattered(problem), matrix), reference(problem),
                {.absolute = 0x1p-9});
  }
}

// Windows that begin in any place of a split, a tile and a block, and caps that bend most scores.
TEST_P(AttentionTest, WindowsAndSoftCaps) {
  struct Rule {
    uint32_t window;
    float soft_cap;
  };
  for (const Rule rule :
       {Rule{1, 0}, Rule{5, 0}, Rule{130, 0}, Rule{128, 2}, Rule{1000, 2}, Rule{0, 2}}) {
    SCOPED_TRACE(testing::Message() << "window " << rule.window << ", cap " << rule.soft_cap);
    const auto with_rule = [&](Problem problem) {
      problem.shape.window = rule.window;
      problem.shape.soft_cap = rule.soft_cap;
      return problem;
    };
    for (const Heads& heads : {Heads{6, 2, 16}, Heads{4, 2, 12}}) {
      const Problem single = with_rule(
          random_problem(heads, {{.pos = 700}, {.pos = 3, .seq = 1}, {.pos = 140, .seq = 2}}));
      expect_near(compute(single, By::kRows, scattered(single)), reference(single),
                  rounding(single));
      const Problem many = with_rule(random_problem(heads, rows_from(0, 110, 75)));
      expect_near(compute(many, By::kTiles, scattered(many)), reference(many), rounding(many));
    }
    const Problem halves =
        with_rule(with_halves(random_problem({6, 2, 16}, rows_from(0, 110, 75))));
    for (const SubgroupMatrix& matrix : matrices()) {
      expect_near(compute(halves, By::kTiles, scattered(halves), matrix), reference(halves),
                  {.absolute = 0x1p-10});
    }
  }
}

// Chunks that begin in any place of a split, a tile and a block.
TEST_P(AttentionTest, ChunksAndTemperatures) {
  for (const uint32_t window : {1U, 50U, 128U, 300U}) {
    SCOPED_TRACE(testing::Message() << "chunks of " << window);
    const auto with_rule = [&](Problem problem) {
      problem.shape.window = window;
      problem.shape.chunked = true;
      problem.shape.temperature = 0.3F;
      problem.shape.temperature_length = 40;
      return problem;
    };
    const Heads heads{6, 2, 16};
    const Problem single = with_rule(
        random_problem(heads, {{.pos = 700}, {.pos = 3, .seq = 1}, {.pos = 140, .seq = 2}}));
    expect_near(compute(single, By::kRows, scattered(single)), reference(single), rounding(single));
    const Problem many = with_rule(random_problem(heads, rows_from(0, 110, 75)));
    expect_near(compute(many, By::kTiles, scattered(many)), reference(many), rounding(many));
    const Problem halves = with_halves(many);
    std::vector<SubgroupMatrix> one = matrices();  // stand-ins take long to compile
    one.resize(std::min<size_t>(one.size(), 1));
    for (const SubgroupMatrix& matrix : one) {
      expect_near(compute(halves, By::kTiles, scattered(halves), matrix), reference(halves),
                  {.absolute = 0x1p-10});
    }
  }
}

// Sinks of no weight, of some, and of nearly all.
TEST_P(AttentionTest, Sinks) {
  const Heads heads{6, 2, 16};
  const auto with_sinks = [](Problem problem) {
    problem.sinks = {-1000, -2, 0, 1, 3, 60};
    return problem;
  };
  for (const uint32_t window : {0U, 130U}) {
    Problem single = with_sinks(
        random_problem(heads, {{.pos = 700}, {.pos = 0, .seq = 1}, {.pos = 140, .seq = 2}}));
    Problem many = with_sinks(random_problem(heads, rows_from(0, 110, 75)));
    Problem halves = with_halves(many);
    for (Problem* problem : {&single, &many, &halves}) problem->shape.window = window;
    std::vector<SubgroupMatrix> one = matrices();  // stand-ins take long to compile
    one.resize(std::min<size_t>(one.size(), 1));
    expect_near(compute(single, By::kRows, scattered(single)), reference(single), rounding(single));
    expect_near(compute(many, By::kTiles, scattered(many)), reference(many), rounding(many));
    for (const SubgroupMatrix& matrix : one) {
      expect_near(compute(halves, By::kTiles, scattered(halves), matrix), reference(halves),
                  {.absolute = 0x1p-10});
    }
  }
}

TEST_P(AttentionTest, TilesOfSeveralSequences) {
  std::vector<Row> rows = rows_from(1, 5, 70);
  std::ranges::copy(rows_from(0, 90, 1), std::back_inserter(rows));
  std::ranges::copy(rows_from(2, 0, 33), std::back_inserter(rows));
  check({6, 2, 64}, rows, By::kTiles);
}

TEST_P(AttentionTest, PagesInAnyOrderGiveTheSameBits) {
  const Problem problem = random_problem({6, 2, 64}, rows_from(1, 100, 40));
  const KvPages contiguous = contiguous_pages(2, problem.shape.max_blocks, 2, 64);
  for (const By by : {By::kRows, By::kTiles}) {
    EXPECT_EQ(compute(problem, by, scattered(problem)), compute(problem, by, contiguous));
  }
}

TEST_P(AttentionTest, ARowAmongOthersGivesTheSameBitsAsAlone) {
  const Problem all =
      random_problem({6, 2, 64}, {{.pos = 300}, {.pos = 5, .seq = 1}, {.pos = 130}});
  const std::vector<float> together = compute(all, By::kRows, scattered(all));
  for (size_t i = 0; i < all.rows.size(); ++i) {
    Problem alone = all;
    const auto row_q = std::span(all.q).subspan(i * 6 * 64, 6 * 64);
    alone.rows = {all.rows[i]};
    alone.q.assign(row_q.begin(), row_q.end());
    const std::vector<float> y = compute(alone, By::kRows, scattered(all));
    EXPECT_TRUE(std::ranges::equal(y, std::span(together).subspan(i * 6 * 64, 6 * 64)));
  }
}

TEST_P(AttentionTest, RowsAndTilesAgree) {
  const Problem problem = random_problem({8, 2, 128}, rows_from(0, 200, 70));
  const std::vector<float> by_rows = compute(problem, By::kRows, scattered(problem));
  const std::vector<double> want(by_rows.begin(), by_rows.end());
  expect_near(compute(problem, By::kTiles, scattered(problem)), want, rounding(problem));
}

// Scores of some hundreds, whose exponentials f32 does not hold.
TEST_P(AttentionTest, LargeScoresDoNotOverflow) {
  Problem problem = random_problem({6, 2, 64}, rows_from(0, 120, 40));
  for (float& value : problem.q) value *= 100;
  Tolerance tolerance = rounding(problem);
  tolerance.absolute *= 400;
  for (const By by : {By::kRows, By::kTiles}) {
    expect_near(compute(problem, by, scattered(problem)), reference(problem), tolerance);
  }
}

TEST_P(AttentionTest, RefusesHeadsItHasNoKernelFor) {
  const Heads wrong[] = {{3, 2, 64}, {3, 0, 64}, {3, 3, 0}, {3, 3, 70}, {3, 3, 272}};
  for (const Heads& heads : wrong) {
    const Attention shape{heads.n_heads, heads.n_kv_heads, heads.head_dim, 1, 1};
    EXPECT_FALSE(attention_of_rows(device(), shape, {}, {}));
    EXPECT_FALSE(attention_of_tiles(device(), shape, {}, {}));
  }
}

}  // namespace
}  // namespace weft::kernels
