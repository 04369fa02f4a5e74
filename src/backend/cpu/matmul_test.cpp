#include "backend/cpu/matmul.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/element_ops.h"
#include "backend/cpu/packed_weights.h"
#include "backend/cpu/testing/random.h"

namespace weft::backend {
namespace {

using formats::TensorType;
using model::Activation;

// What of a step is computed in one loop has to give the bits of one operation after the other.
constexpr uint32_t kRowCounts[] = {1, 5, 150};  // few, some, and more than one range

struct Matrix {
  std::vector<std::byte> bytes;
  model::Weight weight;
  Linear linear;
};

std::unique_ptr<Matrix> random_matrix(std::mt19937& random, TensorType type, uint32_t rows,
                                      uint32_t cols) {
  auto matrix = std::make_unique<Matrix>();
  matrix->bytes = testing::random_weights(random, type, size_t{rows} * cols);
  matrix->weight = {.tensor = {.type = type, .data = matrix->bytes}, .rows = rows, .cols = cols};
  matrix->linear = {.weight = &matrix->weight, .bias = testing::random_floats(random, rows)};
  return matrix;
}

RowBuffer random_rows(std::mt19937& random, uint32_t rows, uint32_t cols) {
  RowBuffer buffer(rows, cols);
  for (uint32_t row = 0; row < rows; ++row) {
    std::ranges::copy(testing::random_floats(random, cols, 3.0F),
                      buffer.rows(cols).values(row).begin());
  }
  return buffer;
}

RowBuffer unwritten_rows(uint32_t rows, uint32_t cols) {
  RowBuffer buffer(rows, cols);
  for (uint32_t row = 0; row < rows; ++row) {
    std::ranges::fill(buffer.rows(cols).values(row), std::numeric_limits<float>::quiet_NaN());
  }
  return buffer;
}

void expect_same(const Rows& got, const Rows& want, uint32_t rows) {
  for (uint32_t row = 0; row < rows; ++row) {
    ASSERT_TRUE(std::ranges::equal(got.values(row), want.values(row))) << "row " << row;
  }
}

TEST(Matmul, ANormBeforeItIsOneByItself) {
  std::mt19937 random(1);
  constexpr uint32_t kCols = 96;
  for (const TensorType type : {TensorType::kF16, TensorType::kQ4_1}) {
    for (const uint32_t rows : kRowCounts) {
      const auto w = random_matrix(random, type, 70, kCols);
      const Norm norm{.kind = model::NormKind::kRms,
                      .eps = 1e-5F,
                      .weight = testing::random_floats(random, kCols),
                      .bias = {}};
      ThreadPool pool(2);
      Linear* const linears[] = {&w->linear};
      const LargePages packed = pack_weights(linears, pool, {});
      Matmul matmul(pool, rows, {.cols = kCols});
      const RowBuffer x = random_rows(random, rows, kCols);
      const RowBuffer normed = unwritten_rows(rows, kCols);
      const RowBuffer fused_normed = unwritten_rows(rows, kCols);
      const RowBuffer want = unwritten_rows(rows, 70);
      const RowBuffer got = unwritten_rows(rows, 70);
      for (uint32_t row = 0; row < rows; ++row) {
        norm.apply(x.rows(kCols).values(row), normed.rows(kCols).values(row));
      }
      matmul.run({normed.rows(kCols)}, rows, std::array{Product{&w->linear, want.rows(70)}});
      matmul.run({fused_normed.rows(kCols), &norm, x.rows(kCols)}, rows,
                 std::array{Product{&w->linear, got.rows(70)}});
      expect_same(got.rows(70), want.rows(70), rows);
      expect_same(fused_normed.rows(kCols), normed.rows(kCols), rows);
    }
  }
}

struct MlpCase {
  TensorType type, last_type;
  uint32_t ff;
  bool gated;
  Activation activation;
};

// An MLP of 64 columns in two runs, and as four operations.
class MlpRuns {
 public:
  MlpRuns(const MlpCase& c, uint32_t rows)
      : c_(c),
        rows_(rows),
        up_(random_matrix(random_, c.type, c.ff, kCols)),
        gate_(random_matrix(random_, c.type, c.ff, kCols)),
        down_(random_matrix(random_, c.last_type, kCols, c.ff)),
        linears_{&up_->linear, &gate_->linear, &down_->linear},
        packed_(pack_weights(linears_, pool_, {})),
        matmul_(pool_, rows, {.cols = std::max(kCols, c.ff), .hidden_cols = c.ff}),
        x_(random_rows(random_, rows, kCols)) {}

  // The rows in batches of at most `at_once`.
  [[nodiscard]] RowBuffer in_two_runs(uint32_t at_once) {
    const Rows hidden_rows = hidden_.rows(c_.ff);
    RowBuffer out = unwritten_rows(rows_, kCols);
    const Hidden hidden{c_.gated ? &gate_->linear : nullptr, c_.activation, &down_->linear};
    const Product first{.linear = &up_->linear, .y = hidden_rows, .hidden = hidden};
    const Product last{&down_->linear, out.rows(kCols)};
    matmul_.run({x_.rows(kCols)}, batches(at_once, first));
    matmul_.run_hidden(hidden_rows, batches(at_once, last));
    return out;
  }

  [[nodiscard]] RowBuffer one_after_the_other() {
    const RowBuffer up = unwritten_rows(rows_, c_.ff);
    const RowBuffer gate = unwritten_rows(rows_, c_.ff);
    RowBuffer out = unwritten_rows(rows_, kCols);
    const Product products[] = {{&up_->linear, up.rows(c_.ff)}, {&gate_->linear, gate.rows(c_.ff)}};
    matmul_.run({x_.rows(kCols)}, rows_, products);
    const Rows activated = (c_.gated ? gate : up).rows(c_.ff);
    for (uint32_t row = 0; row < rows_; ++row) {
      if (c_.gated) {
        activate(c_.activation, activated.values(row), up.rows(c_.ff).values(row));
      } else {
        activate(c_.activation, activated.values(row));
      }
    }
    matmul_.run({activated}, rows_, std::array{Product{&down_->linear, out.rows(kCols)}});
    return out;
  }

  static constexpr uint32_t kCols = 64;

 private:
  [[nodiscard]] std::vector<Batch> batches(uint32_t at_once, const Product& product) const {
    std::vector<Batch> all;
    for (uint32_t first = 0; first < rows_; first += at_once) {
      all.push_back({first, std::min(at_once, rows_ - first), {&product, 1}});
    }
    return all;
  }

  MlpCase c_;
  uint32_t rows_;
  std::mt19937 random_{2};
  ThreadPool pool_{2};
  std::unique_ptr<Matrix> up_, gate_, down_;
  std::vector<Linear*> linears_;
  LargePages packed_;
  Matmul matmul_;
  RowBuffer x_;
  RowBuffer hidden_ = unwritten_rows(rows_, c_.ff);
};

TEST(Matmul, HiddenRowsAreThoseOfOneOperationAfterTheOther) {
  using enum TensorType;
  const MlpCase cases[] = {{kQ4_1, kQ8_0, 160, true, Activation::kSilu},
                           {kQ4_1, kQ4_0, 160, false, Activation::kGelu},
                           {kF16, kQ4_1, 96, true, Activation::kGeluTanh},
                           {kQ8_0, kF16, 75, true, Activation::kSilu},
                           {kF32, kF32, 75, false, Activation::kSilu},
                           {kQ8_0, kQ8_0, 64, true, Activation::kClampedSwiglu}};
  for (const MlpCase& c : cases) {
    SCOPED_TRACE(c.ff);
    for (const uint32_t rows : kRowCounts) {
      MlpRuns runs(c, rows);
      const RowBuffer want = runs.one_after_the_other();
      for (const uint32_t at_once : {rows, 4U}) {
        expect_same(runs.in_two_runs(at_once).rows(MlpRuns::kCols), want.rows(MlpRuns::kCols),
                    rows);
      }
    }
  }
}

}  // namespace
}  // namespace weft::backend
