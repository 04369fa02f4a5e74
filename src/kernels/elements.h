// How a kernel stores its results (lib/elements.wgsl).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/compose.h"

namespace weft::kernels {

enum class Elements : uint8_t {
  kF32,
  kF16,        // beyond the largest number of f16 stands that number
  kF16Chunks,  // the same, placed for matmul_subgroup (lib/place_chunks.wgsl)
};

inline void choose_elements(Elements elements, Variant& variant) {
  if (elements != Elements::kF32) variant.imports.emplace_back("elements", "elements_f16");
  if (elements == Elements::kF16Chunks) variant.imports.emplace_back("place", "place_chunks");
}

// Where element [row, column] of a matrix in chunks lies, and how many elements it takes.
constexpr size_t chunk_place(size_t row, size_t column, size_t columns) {
  return (row / 8 * (columns / 32) + column / 32) * 256 + row % 8 * 32 + column % 32;
}
constexpr size_t chunks_size(size_t rows, size_t columns) { return (rows + 7) / 8 * 8 * columns; }

}  // namespace weft::kernels
