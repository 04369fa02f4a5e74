// Weights quantised by GPTQ or AWQ, as safetensors folders have them: whole numbers of 4 or 8 bits
// in 32-bit words, with a scale and a zero point for each row of each group of columns:
//   w[row, col] = scale[g, row] * (q[row, col] - zero[g, row]),  g the group of the column.
// They become blocks of ggml's that hold exactly the same numbers where there are such blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "formats/tensor_type.h"

namespace weft::formats {

enum class WordOrder : uint8_t {
  kGptq,  // words hold neighbours of a column of `words`, lowest bits first
  kAwq,   // words hold eight neighbours of a row of `words`: 0, 2, 4, 6, 1, 3, 5, 7
};

// Sizes and types are the caller's to check. With n = 32 / bits numbers to a word:
struct GroupedWeight {
  WordOrder order;
  uint32_t bits;  // 4 or 8; kAwq: 4
  uint32_t rows, cols;
  uint32_t n_groups;
  std::span<const std::byte> words;  // kGptq: [cols / n, rows], kAwq: [cols, rows / n]
  std::span<const std::byte> zeros;  // [n_groups, rows / n], neighbours of a row in the same order
  uint32_t zero_offset;              // added to what `zeros` holds, modulo 2^bits
  TensorType scale_type;             // F32, F16 or BF16
  std::vector<float> scales;         // [n_groups, rows], finite
  std::vector<uint32_t> groups;      // of each column, below n_groups

  // Q4_0, Q5_0 or Q8_0 where their blocks hold the same numbers, else the type of the scales: where
  // groups are no runs of blocks (act-order), zero points of 8 bits are not 128, or a scale is no
  // binary16.
  [[nodiscard]] TensorType decoded_type() const;

  // Rows [first, first + count) as rows of `type`, which is decoded_type() or that of the scales;
  // to its nearest number where it cannot hold one.
  void decode(TensorType type, uint32_t first, uint32_t count, std::span<std::byte> out) const;

 private:
  [[nodiscard]] uint32_t number(uint32_t row, uint32_t col) const;
  [[nodiscard]] uint32_t zero(uint32_t group, uint32_t row) const;
  // Number without zero point of 32 columns of a row, which lie in one group.
  void decode_block(TensorType type, uint32_t row, uint32_t first_col, std::byte* out) const;
};

}  // namespace weft::formats
