#include "model/quantize_rows.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "base/parallel.h"
#include "formats/dequantize.h"
#include "formats/quantize.h"
#include "formats/quote.h"

namespace weft::model {
namespace {

using formats::TensorTypeInfo;

constexpr uint64_t kRunElements = 1 << 24;   // of which the blocks are in memory together
constexpr uint64_t kTaskElements = 1 << 16;  // that a thread takes at a time

// What became of the rows of one task.
struct Sums {
  double squared_error = 0;
  double squares = 0;
  double largest = 0;
  uint64_t bad_row = 0;
  const char* wrong = nullptr;  // with a number of bad_row; null: all is well
};

struct Tensor {
  const RowQuantizer& job;
  const TensorTypeInfo& from = formats::info(job.tensor.type);
  const TensorTypeInfo& to = formats::info(job.to);
  uint64_t cols = job.tensor.dims.front();
  uint64_t row_bytes_from = cols / from.block_elements * from.block_bytes;
  uint64_t row_bytes_to = cols / to.block_elements * to.block_bytes;
  uint64_t rows = row_bytes_from == 0 ? 0 : job.data.size() / row_bytes_from;
  // Rows of each matrix, which share an importance.
  uint64_t matrix_rows = job.tensor.dims.size() > 1 ? job.tensor.dims[1] : 1;

  [[nodiscard]] std::span<const float> importance_of(uint64_t row) const {
    if (job.importance.empty()) return {};
    return job.importance.subspan(row / matrix_rows * cols, cols);
  }
};

bool is_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
}

void quantize_one(const Tensor& tensor, uint64_t row, std::span<float> values,
                  std::span<float> decoded, std::span<std::byte> blocks, Sums& sums) {
  const auto stored = tensor.job.data.subspan(row * tensor.row_bytes_from, tensor.row_bytes_from);
  CHECK(formats::dequantize(tensor.from.type, stored, values).has_value());
  sums.bad_row = row;
  sums.wrong = is_finite(values) ? nullptr : "which has a number that is not finite";
  if (sums.wrong != nullptr) return;
  formats::quantize_row(tensor.to.type, values, tensor.importance_of(row), blocks);
  CHECK(formats::dequantize(tensor.to.type, blocks, decoded).has_value());
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(values[i]);
    const double error = std::abs(x - static_cast<double>(decoded[i]));
    sums.squared_error += error * error;
    sums.squares += x * x;
    sums.largest = std::max(sums.largest, error);
  }
  if (!std::isfinite(sums.squared_error)) sums.wrong = "which has numbers too large for the type";
}

void quantize_task(const Tensor& tensor, uint64_t first, uint64_t n, std::span<std::byte> out,
                   Sums& sums) {
  std::vector<float> values(tensor.cols);
  std::vector<float> decoded(tensor.cols);
  for (uint64_t i = 0; i < n && sums.wrong == nullptr; ++i) {
    quantize_one(tensor, first + i, values, decoded,
                 out.subspan(i * tensor.row_bytes_to, tensor.row_bytes_to), sums);
  }
}

}  // namespace

Result<void> RowQuantizer::run(const Write& write, TensorChange& change) const {
  const Tensor t{*this};
  if (!formats::can_dequantize(t.from.type)) {
    return fail("Tensor {} has type {}, which has no decoder.", formats::quote(tensor.name),
                t.from.name);
  }
  const uint64_t task_rows = std::max<uint64_t>(1, kTaskElements / std::max<uint64_t>(1, t.cols));
  const uint64_t run_rows = round_up(std::max<uint64_t>(1, kRunElements / t.cols), task_rows);
  std::vector<std::byte> blocks;
  for (uint64_t first = 0; first < t.rows; first += run_rows) {
    const uint64_t n = std::min(run_rows, t.rows - first);
    blocks.resize(n * t.row_bytes_to);
    std::vector<Sums> sums(ceil_div(n, task_rows));
    parallel_for(sums.size(), threads, [&](size_t task) {
      const uint64_t begin = task * task_rows;
      quantize_task(t, first + begin, std::min(task_rows, n - begin),
                    std::span(blocks).subspan(begin * t.row_bytes_to), sums[task]);
    });
    for (const Sums& s : sums) {
      if (s.wrong != nullptr) {
        return fail("Tensor {} cannot become {} because of row {}, {}.",
                    formats::quote(tensor.name), t.to.name, s.bad_row, s.wrong);
      }
      change.squared_error += s.squared_error;
      change.squares += s.squares;
      change.largest_error = std::max(change.largest_error, s.largest);
    }
    WEFT_TRY(write(blocks, n * t.row_bytes_from));
  }
  return {};
}

}  // namespace weft::model
