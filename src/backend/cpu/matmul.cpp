#include "backend/cpu/matmul.h"

#include <algorithm>
#include <limits>

#include "backend/cpu/element_ops.h"
#include "backend/cpu/pack_weights.h"
#include "base/check.h"
#include "formats/dequantize.h"

namespace weft::backend {
namespace {

// Tasks a thread gets on average: enough to even out, few enough to cost nothing. Fewer where rows
// are many, for each task reads all of them.
constexpr uint32_t kTasksPerThread = 8;
constexpr uint32_t kTasksOfFewRows = 32;

uint32_t tiles(const Linear& linear) { return ceil_div(linear.weight->rows, kTileRows); }

// Whether it multiplies integers.
bool is_quantized(const Linear& linear) {
  return linear.packed != nullptr && !is_float(linear.weight->tensor.type);
}

bool wants_integers(const Batch& batch) {
  return std::ranges::any_of(batch.products,
                             [](const Product& p) { return is_quantized(*p.linear); });
}

uint32_t tiles(const Batch& batch) {
  uint32_t sum = 0;
  for (const Product& product : batch.products) sum += tiles(*product.linear);
  return sum;
}

// The tile, decoded to `scratch` if it is not packed.
PackedTile tile_of(const Linear& linear, uint32_t tile, const DecodeScratch& scratch) {
  const model::Weight& weight = *linear.weight;
  if (linear.packed != nullptr) {
    const size_t tile_bytes = packed_tile_bytes(weight.tensor.type, weight.cols);
    return {weight.tensor.type, linear.packed + tile * tile_bytes, weight.cols};
  }
  const uint32_t first = tile * kTileRows;
  const size_t row_bytes = weight.tensor.data.size() / weight.rows;
  return decode_tile({.type = weight.tensor.type,
                      .data = weight.tensor.data.data() + first * row_bytes,
                      .row_bytes = row_bytes,
                      .rows = std::min(kTileRows, weight.rows - first),
                      .cols = weight.cols},
                     scratch);
}

// to += from, of equal sizes
void add(std::span<const float> from, std::span<float> to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

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
  if (!formats::can_dequantize(type)) {
    return fail("Tensor '{}' is of type {}, which the CPU backend cannot multiply with.",
                weight.tensor.name, formats::info(type).name);
  }
  Linear linear{.weight = &weight};
  if (bias) {
    WEFT_ASSIGN(linear.bias, decode_vector(*bias));
  }
  return linear;
}

Matmul::Matmul(ThreadPool& pool, uint32_t max_rows, const MatmulLimits& limits)
    : pool_(pool),
      quantized_(size_t{max_rows} * ceil_div(limits.cols, kActivationColumns)),
      hidden_(size_t{max_rows} * ceil_div(limits.hidden_cols, kActivationColumns)) {
  constexpr size_t kTile = size_t{kRowsAtOnce} * kTileRows;
  for (uint32_t thread = 0; thread < pool.threads(); ++thread) {
    workspaces_.push_back({.scratch = DecodeScratch(limits.decoded_cols),
                           .out = AlignedArray<float>(kTile),
                           .gate = AlignedArray<float>(kTile)});
  }
}

uint64_t Matmul::size_bytes() const {
  uint64_t bytes = quantized_.size_bytes() + hidden_.size_bytes();
  for (const Workspace& workspace : workspaces_) {
    bytes +=
        workspace.scratch.size_bytes() + workspace.out.size_bytes() + workspace.gate.size_bytes();
  }
  return bytes;
}

void Matmul::run(const Input& in, uint32_t rows, std::span<const Product> products) {
  const Batch batch{.first = 0, .rows = rows, .products = products};
  run(in, {&batch, 1});
}

void Matmul::run(const Input& in, std::span<const Batch> batches) {
  prepare(in, batches);
  multiply({in.x, quantized_}, batches);
}

void Matmul::run_hidden(const Rows& x, uint32_t rows, std::span<const Product> products) {
  const Batch batch{.first = 0, .rows = rows, .products = products};
  run_hidden(x, {&batch, 1});
}

void Matmul::run_hidden(const Rows& x, std::span<const Batch> batches) {
  multiply({x, hidden_}, batches);
}

void Matmul::multiply(const Activations& x, std::span<const Batch> batches) {
  uint32_t n_tiles = 0;
  uint32_t rows = 0;
  for (const Batch& batch : batches) {
    n_tiles += tiles(batch);
    rows += batch.rows;
  }
  const uint32_t tasks_each = rows <= kRowsAtOnce ? kTasksOfFewRows : kTasksPerThread;
  const uint32_t tasks = std::min(n_tiles, pool_.threads() * tasks_each);
  pool_.run(tasks, [&](uint32_t task, uint32_t thread) {
    const uint32_t first = narrow<uint32_t>(uint64_t{n_tiles} * task / tasks);
    const uint32_t end = narrow<uint32_t>(uint64_t{n_tiles} * (task + 1) / tasks);
    uint32_t before = 0;  // tiles of the batches before
    for (const Batch& batch : batches) {
      const uint32_t after = before + tiles(batch);
      if (first < after && before < end) {
        multiply_tiles(x, batch, std::max(first, before) - before, std::min(end, after) - before,
                       workspaces_[thread]);
      }
      before = after;
    }
  });
}

void Matmul::multiply_tiles(const Activations& x, const Batch& batch, uint32_t first, uint32_t end,
                            Workspace& workspace) const {
  for (uint32_t row = 0; row < batch.rows; row += kRowsAtOnce) {
    const RowRange range = range_of(row, batch);
    uint32_t before = 0;  // tiles of the products before
    for (const Product& product : batch.products) {
      const uint32_t after = before + tiles(*product.linear);
      for (uint32_t tile = std::max(first, before); tile < std::min(end, after); ++tile) {
        multiply_tile(x, range, product, tile - before, workspace);
      }
      before = after;
    }
  }
}

Matmul::RowRange Matmul::range_of(uint32_t row, const Batch& batch) {
  const uint32_t first = row / kRowsAtOnce * kRowsAtOnce;
  return {batch.first + first, std::min(batch.rows - first, kRowsAtOnce)};
}

ActivationBlock* Matmul::blocks_of(const Blocks& blocks, RowRange range, uint32_t cols) {
  return blocks.data() + size_t{range.first} * ceil_div(cols, kActivationColumns);
}

void Matmul::prepare(const Input& in, std::span<const Batch> batches) {
  if (in.norm == nullptr && std::ranges::none_of(batches, wants_integers)) return;
  const auto prepare_rows = [&](const Batch& batch, uint32_t first, uint32_t end) {
    const bool quantizes = wants_integers(batch);
    for (uint32_t i = first; i < end; ++i) {
      const RowRange range = range_of(i, batch);
      const uint32_t row = batch.first + i;
      if (in.norm != nullptr) in.norm->apply(in.from.values(row), in.x.values(row));
      if (!quantizes) continue;
      quantize_row(in.x.values(row), blocks_of(quantized_, range, in.x.cols) + (row - range.first),
                   range.count);
    }
  };
  if (batches.size() > 1) {
    return pool_.run(static_cast<uint32_t>(batches.size()),
                     [&](uint32_t i, uint32_t) { prepare_rows(batches[i], 0, batches[i].rows); });
  }
  const uint32_t rows = batches[0].rows;
  const uint32_t tasks = std::min(rows, pool_.threads() * kTasksPerThread);
  pool_.run(tasks, [&](uint32_t task, uint32_t) {
    prepare_rows(batches[0], rows * task / tasks, rows * (task + 1) / tasks);
  });
}

void Matmul::multiply_tile(const Activations& x, RowRange range, const Linear& linear,
                           uint32_t tile, const DecodeScratch& scratch, float* out) {
  CHECK(linear.weight->cols == x.floats.cols);
  const PackedTile weights = tile_of(linear, tile, scratch);
  if (is_quantized(linear)) {
    multiply_quantized(weights,
                       {blocks_of(x.blocks, range, x.floats.cols), range.count, range.count},
                       fastest_unit(range.count), out);
  } else {
    multiply_floats(weights, {x.floats.row(range.first), x.floats.stride, range.count}, out);
  }
  if (linear.bias.empty()) return;
  const uint32_t first = tile * kTileRows;
  const std::span bias =
      std::span(linear.bias).subspan(first, std::min(kTileRows, linear.weight->rows - first));
  for (uint32_t row = 0; row < range.count; ++row) {
    add(bias, {out + row * kTileRows, bias.size()});
  }
}

void Matmul::multiply_tile(const Activations& x, RowRange range, const Product& product,
                           uint32_t tile, Workspace& workspace) const {
  CHECK(product.linear->weight->rows == product.y.cols);
  float* const out = workspace.out.data();
  multiply_tile(x, range, *product.linear, tile, workspace.scratch, out);
  if (product.hidden) {
    if (const Linear* const gate = product.hidden->gate) {
      multiply_tile(x, range, *gate, tile, workspace.scratch, workspace.gate.data());
    }
    return store_hidden(range, product, tile, workspace);
  }
  const uint32_t first = tile * kTileRows;
  const uint32_t n = std::min(kTileRows, product.y.cols - first);
  for (uint32_t row = 0; row < range.count; ++row) {
    const std::span<float> sums(out + row * kTileRows, n);
    const std::span<float> y(product.y.row(range.first + row) + first, n);
    if (product.store == Store::kAdd) {
      add(sums, y);
    } else {
      std::ranges::copy(sums, y.begin());
    }
  }
}

// A tile of rows of the matrix is a group of columns of what the next one reads.
void Matmul::store_hidden(RowRange range, const Product& product, uint32_t tile,
                          const Workspace& workspace) const {
  static_assert(kTileRows == kActivationColumns);
  const Hidden& hidden = *product.hidden;
  const uint32_t cols = product.y.cols;
  CHECK(hidden.next->weight->cols == cols);
  const bool quantizes = is_quantized(*hidden.next);
  ActivationBlock* const blocks = blocks_of(hidden_, range, cols) + size_t{tile} * range.count;
  const uint32_t first = tile * kTileRows;
  const uint32_t n = std::min(kTileRows, cols - first);
  for (uint32_t row = 0; row < range.count; ++row) {
    std::span<float> values(workspace.out.data() + row * kTileRows, n);
    if (hidden.gate != nullptr) {
      const std::span gate(workspace.gate.data() + row * kTileRows, n);
      activate(hidden.activation, gate, values);
      values = gate;
    } else {
      activate(hidden.activation, values);
    }
    if (quantizes) {
      quantize_row(values, blocks + row, 1);
    } else {
      std::ranges::copy(values, product.y.row(range.first + row) + first);
    }
  }
}

}  // namespace weft::backend
