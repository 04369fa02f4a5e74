// NumPy's file format, version 1.0 (numpy.lib.format): one array of f32 in C order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "base/error.h"

namespace weft::cli {

// `values` has rows * cols elements, little endian as they lie.
[[nodiscard]] Result<void> write_npy(const std::filesystem::path& path,
                                     std::span<const float> values, uint64_t rows, uint64_t cols);

}  // namespace weft::cli
