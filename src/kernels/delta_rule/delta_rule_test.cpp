#include "kernels/delta_rule/delta_rule.h"

#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

constexpr uint32_t kSequences = 2;

// What two sequences give to a layer: rows of each, one after the other.
struct Rows {
  uint32_t width;
  std::vector<float> values;  // [sequences, rows, width]

  Rows(uint32_t rows, uint32_t width_, uint32_t seed, float limit)
      : width(width_),
        values(random_floats(size_t{kSequences} * rows * width_, seed, -limit, limit)) {}

  // Rows [first, first + n) of each sequence.
  [[nodiscard]] std::vector<float> step(uint32_t rows, uint32_t first, uint32_t n) const {
    std::vector<float> out;
    for (uint32_t s = 0; s < kSequences; ++s) {
      const auto part =
          std::span(values).subspan((size_t{s} * rows + first) * width, size_t{n} * width);
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }
  // Elements [first, first + n) of each row of a sequence.
  [[nodiscard]] std::vector<float> columns(uint32_t rows, uint32_t sequence, uint32_t first,
                                           uint32_t n) const {
    std::vector<float> out;
    for (uint32_t row = 0; row < rows; ++row) {
      const size_t at = (size_t{sequence} * rows + row) * width + first;
      out.insert(out.end(), values.begin() + static_cast<ptrdiff_t>(at),
                 values.begin() + static_cast<ptrdiff_t>(at + n));
    }
    return out;
  }
};

class DeltaRuleTest : public KernelTest {
 protected:
  // Computes it in steps of `chunk` rows, that go on from a state kept besides: [sequences, rows,
  // v_heads, v_dim].
  std::vector<std::vector<float>> compute(const DeltaRule& shape, const Rows& qkv,
                                          const Rows& gates, const std::vector<float>& heads,
                                          uint32_t rows, uint32_t chunk, Loops loops) {
    // What states held before must not show; two for each sequence.
    const TestBuffer states =
        input(random_floats(size_t{2} * kSequences * shape.v_heads * shape.k_dim * shape.v_dim, 7));
    const TestBuffer of_heads = input(heads);
    const size_t width = size_t{shape.v_heads} * shape.v_dim;
    std::vector<std::vector<float>> got(kSequences);
    for (uint32_t first = 0; first < rows; first += chunk) {
      const uint32_t n = std::min(chunk, rows - first);
      std::vector<Sequence> sequences;
      for (uint32_t s = 0; s < kSequences; ++s) {
        sequences.push_back({.first_row = s * n,
                             .n_rows = n,
                             .before = first == 0 ? kNoState : 2 + s,
                             .state = 1 - s,
                             .kept = 2 + s});
      }
      const TestBuffer runs = input(sequences), in = input(qkv.step(rows, first, n)),
                       of_rows = input(gates.step(rows, first, n)),
                       y = output<float>(kSequences * n * width);
      const auto dispatch = delta_rule(device(), shape,
                                       {.sequences = runs,
                                        .qkv = in,
                                        .gates = of_rows,
                                        .heads = of_heads,
                                        .states = states,
                                        .y = y},
                                       loops);
      EXPECT_TRUE(dispatch.has_value());
      run(*dispatch, {.rows = kSequences * n, .sequences = kSequences});
      const std::vector<float> values = this->values<float>(y);
      for (uint32_t s = 0; s < kSequences; ++s) {
        const auto part = std::span(values).subspan(s * n * width, n * width);
        got[s].insert(got[s].end(), part.begin(), part.end());
      }
    }
    return got;
  }

  void check(DeltaRule shape, uint32_t rows, Loops loops) {
    SCOPED_TRACE(testing::Message() << shape.k_heads << " heads of k, " << shape.v_heads
                                    << " of v, " << shape.k_dim << "x" << shape.v_dim);
    const uint32_t all_k = shape.k_heads * shape.k_dim;
    shape.first_beta = 1;
    shape.first_alpha = 2 + shape.v_heads;
    shape.gates_stride = 3 + 2 * shape.v_heads;
    const Rows qkv(rows, 2 * all_k + shape.v_heads * shape.v_dim, 1, 0.2F);
    const Rows gates(rows, shape.gates_stride, 2, 3);
    const std::vector<float> heads = random_floats(size_t{2} * shape.v_heads, 3, -1, 0);
    const auto got = compute(shape, qkv, gates, heads, rows, rows, loops);
    EXPECT_EQ(compute(shape, qkv, gates, heads, rows, 1, loops), got);
    EXPECT_EQ(compute(shape, qkv, gates, heads, rows, 2, loops), got);
    for (uint32_t s = 0; s < kSequences; ++s) {
      for (uint32_t head = 0; head < shape.v_heads; ++head) {
        const uint32_t k_head =
            shape.grouped ? head / (shape.v_heads / shape.k_heads) : head % shape.k_heads;
        const auto part = [&](const Rows& of, uint32_t first, uint32_t n) {
          return of.columns(rows, s, first, n);
        };
        const auto q = part(qkv, k_head * shape.k_dim, shape.k_dim);
        const auto k = part(qkv, all_k + k_head * shape.k_dim, shape.k_dim);
        const auto v = part(qkv, 2 * all_k + head * shape.v_dim, shape.v_dim);
        const auto beta = part(gates, shape.first_beta + head, 1);
        const auto alpha = part(gates, shape.first_alpha + head, 1);
        const std::vector<double> want = delta_rule_ref({.q = q,
                                                         .k = k,
                                                         .v = v,
                                                         .beta = beta,
                                                         .alpha = alpha,
                                                         .decay = heads[head],
                                                         .dt_bias = heads[shape.v_heads + head]});
        std::vector<float> mine;
        for (uint32_t row = 0; row < rows; ++row) {
          const size_t at = (size_t{row} * shape.v_heads + head) * shape.v_dim;
          mine.insert(mine.end(), got[s].begin() + static_cast<ptrdiff_t>(at),
                      got[s].begin() + static_cast<ptrdiff_t>(at + shape.v_dim));
        }
        expect_near(mine, want,
                    {.relative = 64 * kEpsilon, .absolute = 4 * shape.k_dim * kEpsilon});
      }
    }
  }
};

TEST_F(DeltaRuleTest, IsWhatTheFormulaSaysInStepsOfAnySize) {
  for (const Loops loops : {Loops::kUnrolled, Loops::kKept}) {
    check({.k_heads = 1, .v_heads = 1, .k_dim = 4, .v_dim = 4, .grouped = true}, 5, loops);
    check({.k_heads = 2, .v_heads = 6, .k_dim = 12, .v_dim = 8, .grouped = true}, 5, loops);
    check({.k_heads = 2, .v_heads = 6, .k_dim = 12, .v_dim = 8, .grouped = false}, 5, loops);
    check({.k_heads = 3, .v_heads = 3, .k_dim = 20, .v_dim = 36, .grouped = true}, 3, loops);
  }
  check({.k_heads = 1, .v_heads = 2, .k_dim = 128, .v_dim = 32, .grouped = true}, 4,
        delta_rule_loops_for(device().info()));
}

TEST_F(DeltaRuleTest, WidthsWithoutKernelAreNamed) {
  const TestBuffer nothing = output<float>(4);
  const DeltaRuleBuffers buffers{.sequences = nothing};
  for (const auto& [k_dim, v_dim] : {std::pair{6U, 8U}, {8U, 6U}, {260U, 8U}}) {
    const DeltaRule shape{.k_heads = 1, .v_heads = 1, .k_dim = k_dim, .v_dim = v_dim};
    const auto dispatch = delta_rule(device(), shape, buffers, Loops::kKept);
    ASSERT_FALSE(dispatch.has_value());
    EXPECT_NE(dispatch.error().message().find(std::to_string(k_dim)), std::string::npos);
  }
}

}  // namespace
}  // namespace weft::kernels
