// y[row, y_first + n] = sum over k of x[row, k] W[n, k], optionally + bias[n], optionally added to
// what y holds (a residual), for each row of the step. Products and sums in f32.
#pragma once

#include <cstdint>
#include <optional>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/expert_tiles/expert_tiles.h"
#include "kernels/repack.h"

namespace weft::kernels {

enum class Store : uint8_t { kReplace, kAdd };

// Of rows that chose experts: W has their matrices one below the other, y a row for each choice,
// and a bias is f32 [all experts, n].
struct ProductOfExperts {
  ExpertTiles shape;
  gpu::Binding tiles;         // by expert_tiles(), as large as the product's tiles
  uint32_t n = 0;             // rows of an expert's matrix, a multiple of kRowAlignment
  uint32_t first_expert = 0;  // in W; what others give is left out
  uint32_t x_rows_each = 1;   // for a row of the step: 1, or shape.used
};

// x and y are different buffers.
struct Product {
  Count rows = Count::kRows;
  Weight weight;      // [n, k]
  gpu::Binding x;     // f32 [rows, k]
  gpu::Binding y;     // f32 [rows, y_stride]
  gpu::Binding bias;  // f32 [n], or no buffer
  uint32_t y_stride = 0;
  uint32_t y_first = 0;  // column of y for W's first row: not 0 for the later parts of a split W
  Store store = Store::kReplace;
  std::optional<ProductOfExperts> experts;
};

// By the fastest kernel known for this device and steps of mostly `rows` rows, not of experts. Any
// number of rows is computed right.
[[nodiscard]] Dispatch product(gpu::Device& device, const Product& product, uint32_t rows);

}  // namespace weft::kernels
