// Eight-bit and four-bit floats and eight-bit integers with scales, as safetensors folders have
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "formats/tensor_type.h"

namespace weft::formats {

// A matrix of E4M3: w[row, col] = element * scale of its block. Sizes are the caller's to check.
struct Float8Weight {
  uint32_t rows, cols;
  std::span<const std::byte> elements;  // [rows, cols]
  uint32_t block_rows, block_cols;      // at least 1; blocks at the ends may be smaller
  std::vector<float> scales;            // [ceil(rows / block_rows), ceil(cols / block_cols)]

  // Rows [first, first + count) in BF16: products in f32, rounded to nearest even.
  void decode(uint32_t first, uint32_t count, std::span<std::byte> out) const;
};

// A matrix of integers: w[row, col] = element * scale of its block. Sizes are the caller's to
// check.
struct Int8Weight {
  uint32_t rows, cols;
  std::span<const std::byte> elements;  // [rows, cols], -128 to 127
  uint32_t block_cols;                  // at least 1; a row's last block may be smaller
  std::vector<float> scales;            // [rows, ceil(cols / block_cols)]

  // Q8_0, where its blocks of 32 share a scale and F16 holds all scales as normal numbers; else
  // F32.
  [[nodiscard]] TensorType decoded_type() const;

  // Rows [first, first + count) in that type. In Q8_0 the numbers are the same, and scales are
  // rounded to nearest even.
  void decode(TensorType type, uint32_t first, uint32_t count, std::span<std::byte> out) const;
};

// Blocks of 32 E2M1 with a power of two each, as gpt-oss has them, as ggml's MXFP4, which only
// orders the nibbles in another way. `elements`: 16 bytes a block, the first of two neighbours low;
// `scales`: a byte a block; `out`: ggml's 17.
void pack_mxfp4(std::span<const std::byte> elements, std::span<const std::byte> scales,
                std::span<std::byte> out);

}  // namespace weft::formats
