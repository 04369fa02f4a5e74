#include "backend/cpu/matmul.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "backend/cpu/float_product.h"
#include "backend/cpu/quantized_product.h"
#include "base/check.h"
#include "formats/dequantize.h"

namespace weft::backend {
namespace {

// Tasks a thread gets on average: enough to even out, few enough to cost nothing.
constexpr uint32_t kTasksPerThread = 8;

uint32_t tiles(const Linear& linear) { return ceil_div(linear.weight->rows, kTileRows); }

bool is_quantized(const Product& product) {
  return has_quantized_product(product.linear->weight->tensor.type);
}

size_t row_bytes(const model::Weight& weight) { return weight.tensor.data.size() / weight.rows; }

}  // namespace

Result<std::vector<float>> decode_vector(const model::Weight& weight) {
  std::vector<float> values(size_t{weight.rows} * weight.cols);
  const auto decoded = formats::dequantize(weight.tensor.type, weight.tensor.data, values);
  if (!decoded) {
    return fail("Tensor '{}' is of type {}, which the CPU backend cannot read.", weight.tensor.name,
                formats::info(weight.tensor.type).name);
  }
  return values;
}

Result<Linear> Linear::create(const model::Weight& weight,
                              const std::optional<model::Weight>& bias) {
  const formats::TensorType type = weight.tensor.type;
  if (!has_quantized_product(type) && !formats::can_dequantize(type)) {
    return fail("Tensor '{}' is of type {}, which the CPU backend cannot multiply with.",
                weight.tensor.name, formats::info(type).name);
  }
  // Kernels address a tile's rows by 32-bit offsets.
  const size_t limit = std::numeric_limits<int32_t>::max() / kTileRows;
  if (row_bytes(weight) > limit) {
    return fail("Tensor '{}' has rows of {} bytes, and the CPU backend reads rows up to {} bytes.",
                weight.tensor.name, row_bytes(weight), limit);
  }
  Linear linear{.weight = &weight, .bias = {}};
  if (bias) {
    WEFT_ASSIGN(linear.bias, decode_vector(*bias));
  }
  return linear;
}

Matmul::Matmul(ThreadPool& pool, uint32_t max_rows, uint32_t max_cols, size_t scratch_floats)
    : pool_(pool), quantized_(size_t{max_rows} * ceil_div(max_cols, kActivationColumns)) {
  for (uint32_t thread = 0; thread < pool.threads(); ++thread) {
    workspaces_.push_back({.tile = std::make_unique<WeightTile>(),
                           .decoded = AlignedArray<float>(scratch_floats),
                           .out = AlignedArray<float>(size_t{max_rows} * kTileRows)});
  }
}

uint64_t Matmul::size_bytes() const {
  uint64_t bytes = quantized_.size_bytes();
  for (const Workspace& workspace : workspaces_) {
    bytes += sizeof(WeightTile) + workspace.decoded.size_bytes() + workspace.out.size_bytes();
  }
  return bytes;
}

void Matmul::run(const Rows& x, uint32_t rows, std::span<const Product> products) {
  if (std::ranges::any_of(products, is_quantized)) quantize(x, rows);
  const uint32_t n_tiles =
      std::accumulate(products.begin(), products.end(), 0U,
                      [](uint32_t sum, const Product& p) { return sum + tiles(*p.linear); });
  const uint32_t tasks = std::min(n_tiles, pool_.threads() * kTasksPerThread);
  pool_.run(tasks, [&](uint32_t task, uint32_t thread) {
    uint32_t tile = narrow<uint32_t>(uint64_t{n_tiles} * task / tasks);
    uint32_t left = narrow<uint32_t>(uint64_t{n_tiles} * (task + 1) / tasks) - tile;
    for (const Product& product : products) {
      const uint32_t n = tiles(*product.linear);
      for (; tile < n && left > 0; ++tile, --left) {
        multiply_tile(x, rows, product, tile, workspaces_[thread]);
      }
      if (left == 0) return;
      tile -= n;
    }
  });
}

void Matmul::quantize(const Rows& x, uint32_t rows) {
  const uint32_t tasks = std::min(rows, pool_.threads() * kTasksPerThread);
  pool_.run(tasks, [&](uint32_t task, uint32_t) {
    for (uint32_t row = rows * task / tasks; row < rows * (task + 1) / tasks; ++row) {
      quantize_row(x.values(row), quantized_.data() + size_t{row} * (x.cols / kActivationColumns));
    }
  });
}

void Matmul::multiply_tile(const Rows& x, uint32_t rows, const Product& product, uint32_t tile,
                           Workspace& workspace) const {
  const model::Weight& weight = *product.linear->weight;
  CHECK(weight.cols == x.cols && weight.rows == product.y.cols);
  const uint32_t first = tile * kTileRows;
  const uint32_t n = std::min(kTileRows, weight.rows - first);
  const size_t bytes = row_bytes(weight);
  const std::byte* data = weight.tensor.data.data() + first * bytes;
  float* const out = workspace.out.data();
  if (is_quantized(product)) {
    multiply_quantized({.type = weight.tensor.type,
                        .data = data,
                        .row_bytes = static_cast<uint32_t>(bytes),
                        .rows = n,
                        .cols = weight.cols},
                       quantized_.data(), rows, *workspace.tile, out);
  } else {
    multiply_float({.type = weight.tensor.type,
                    .data = data,
                    .row_bytes = bytes,
                    .rows = n,
                    .cols = weight.cols},
                   x.data, x.stride, rows, workspace.decoded.data(), out);
  }
  const std::vector<float>& bias = product.linear->bias;
  for (uint32_t row = 0; row < rows; ++row) {
    const float* from = out + row * kTileRows;
    float* y = product.y.row(row) + first;
    for (uint32_t i = 0; i < n; ++i) {
      const float value = bias.empty() ? from[i] : from[i] + bias[first + i];
      y[i] = product.store == Store::kAdd ? y[i] + value : value;
    }
  }
}

}  // namespace weft::backend
