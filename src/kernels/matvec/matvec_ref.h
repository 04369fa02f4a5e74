// Answers to compare kernels on weights with: double precision, from the blocks of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/repack.h"

namespace weft::kernels {

// The elements [rows, cols] of a tensor as it lies in a file.
[[nodiscard]] std::vector<double> dequantize_ref(WeightFormat format, uint32_t cols,
                                                 std::span<const std::byte> file_rows);

// x[rows, k] times w[n, k] transposed: [rows, n].
[[nodiscard]] std::vector<double> product_ref(std::span<const float> x, std::span<const double> w,
                                              uint32_t k);

}  // namespace weft::kernels
