#include "backend/cpu/delta_ops.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/testing/instruction_sets.h"
#include "backend/cpu/testing/random.h"

namespace weft::backend {
namespace {

using testing::for_each_instruction_set;
using testing::random_floats;

constexpr size_t kSizes[] = {1, 3, 4, 7, 8, 15, 16, 17, 128, 131};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(Convolve, MatchesDoublePrecision) {
  std::mt19937 random(1);
  for (const size_t n : kSizes) {
    for (const size_t taps : {2U, 4U, 5U}) {
      const auto weights = random_floats(random, taps * n, 4.0F);
      const auto in = random_floats(random, taps * n, 4.0F);
      std::vector<const float*> inputs;
      for (size_t tap = 0; tap < taps; ++tap) inputs.push_back(&in[tap * n]);
      for_each_instruction_set([&] {
        std::vector<float> out(n);
        convolve(inputs, weights, out);
        for (size_t i = 0; i < n; ++i) {
          double sum = 0;
          for (size_t tap = 0; tap < taps; ++tap) {
            sum += static_cast<double>(weights[tap * n + i]) * in[tap * n + i];
          }
          ASSERT_NEAR(out[i], sum * sigmoid(sum), 64 * 0x1p-22) << n;
        }
      });
    }
  }
}

TEST(ScaleToLength, TakesEachPartByItself) {
  std::mt19937 random(2);
  for (const uint32_t dim : {1U, 12U, 128U}) {
    const auto x = random_floats(random, size_t{3} * dim);
    auto out = x;
    scale_to_length(out, dim, 0.5F);
    for (size_t first = 0; first < x.size(); first += dim) {
      double squares = 1e-6;
      for (size_t i = first; i < first + dim; ++i) squares += static_cast<double>(x[i]) * x[i];
      for (size_t i = first; i < first + dim; ++i) {
        ASSERT_NEAR(out[i], x[i] * 0.5 / std::sqrt(squares), 0x1p-20);
      }
    }
  }
}

TEST(MultiplyBySigmoid, MatchesDoublePrecision) {
  std::mt19937 random(3);
  for (const size_t n : kSizes) {
    const auto x = random_floats(random, n);
    auto gate = random_floats(random, n, 20.0F);
    gate[0] = n % 2 == 0 ? 300.0F : -300.0F;
    for_each_instruction_set([&] {
      auto out = x;
      multiply_by_sigmoid(out, gate);
      for (size_t i = 0; i < n; ++i) ASSERT_NEAR(out[i], x[i] * sigmoid(gate[i]), 0x1p-21);
    });
  }
}

// Some rows of a head, all at once.
struct Head {
  size_t k_dim, v_dim, rows;
  std::vector<float> matrix, q, k, v, decay, beta;

  Head(std::mt19937& random, size_t k_dim_, size_t v_dim_, size_t rows_)
      : k_dim(k_dim_),
        v_dim(v_dim_),
        rows(rows_),
        matrix(random_floats(random, k_dim * v_dim)),
        q(random_floats(random, rows * k_dim)),
        k(random_floats(random, rows * k_dim, 0.3F)),
        v(random_floats(random, rows * v_dim)),
        decay(random_floats(random, rows)),
        beta(random_floats(random, rows)) {}

  // In steps of `chunk` rows: what is read, then the matrix.
  [[nodiscard]] std::vector<float> run(size_t chunk) const {
    std::vector<float> state = matrix;
    std::vector<float> out(rows * v_dim);
    for (size_t first = 0; first < rows; first += chunk) {
      std::vector<DeltaRow> step;
      for (size_t row = first; row < std::min(rows, first + chunk); ++row) {
        step.push_back({.q = std::span(q).subspan(row * k_dim, k_dim),
                        .k = std::span(k).subspan(row * k_dim, k_dim),
                        .v = std::span(v).subspan(row * v_dim, v_dim),
                        .decay = decay[row],
                        .beta = beta[row],
                        .out = std::span(out).subspan(row * v_dim, v_dim)});
      }
      delta_rule(state, step);
    }
    out.insert(out.end(), state.begin(), state.end());
    return out;
  }

  [[nodiscard]] std::vector<double> reference() const {
    std::vector<double> s(matrix.begin(), matrix.end());
    std::vector<double> out;
    for (size_t row = 0; row < rows; ++row) {
      for (double& value : s) value *= decay[row];
      for (size_t j = 0; j < v_dim; ++j) {
        double known = 0;
        for (size_t i = 0; i < k_dim; ++i) known += k[row * k_dim + i] * s[i * v_dim + j];
        const double change = beta[row] * (v[row * v_dim + j] - known);
        double read = 0;
        for (size_t i = 0; i < k_dim; ++i) {
          s[i * v_dim + j] += k[row * k_dim + i] * change;
          read += q[row * k_dim + i] * s[i * v_dim + j];
        }
        out.push_back(read);
      }
    }
    out.insert(out.end(), s.begin(), s.end());
    return out;
  }
};

TEST(DeltaRule, MatchesDoublePrecisionInStepsOfAnySize) {
  std::mt19937 random(4);
  for (const size_t k_dim : {1U, 5U, 12U, 128U}) {
    for (const size_t v_dim : {1U, 8U, 16U, 17U, 128U}) {
      const Head head(random, k_dim, v_dim, 5);
      const std::vector<double> expected = head.reference();
      for_each_instruction_set([&] {
        const std::vector<float> got = head.run(5);
        for (size_t i = 0; i < got.size(); ++i) {
          ASSERT_NEAR(got[i], expected[i], static_cast<double>(k_dim + 4) * 0x1p-20)
              << k_dim << "x" << v_dim << " " << i;
        }
        EXPECT_EQ(head.run(1), got);
        EXPECT_EQ(head.run(2), got);
      });
    }
  }
}

}  // namespace
}  // namespace weft::backend
