// Weights for tests: random blocks as they lie in a file, and the same on the device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpu/device.h"
#include "kernels/repack.h"

namespace weft::kernels {

inline constexpr WeightFormat kAllWeightFormats[] = {
    WeightFormat::kF32,    WeightFormat::kF16,    WeightFormat::kBF16,        WeightFormat::kQ8_0,
    WeightFormat::kQ4_0,   WeightFormat::kQ4_1,   WeightFormat::kQ5_0,        WeightFormat::kQ5_1,
    WeightFormat::kQ4_K,   WeightFormat::kQ5_K,   WeightFormat::kQ6_K,        WeightFormat::kIQ4_NL,
    WeightFormat::kIQ4_XS, WeightFormat::kMXFP4,  WeightFormat::kQ2_K,        WeightFormat::kQ3_K,
    WeightFormat::kNVFP4,  WeightFormat::kLevels, WeightFormat::kSixBitLevels};

// Quants of all values; elements mostly between -1 and 1.
[[nodiscard]] std::vector<std::byte> random_blocks(WeightFormat format, uint32_t rows,
                                                   uint32_t cols, uint32_t seed);

class RandomWeight {
 public:
  RandomWeight(gpu::Device& device, WeightFormat format, uint32_t rows, uint32_t cols,
               uint32_t seed);
  // Of blocks that another one has.
  RandomWeight(gpu::Device& device, WeightFormat format, uint32_t rows, uint32_t cols,
               std::span<const std::byte> blocks);

  [[nodiscard]] operator Weight() const { return {.layout = layout_, .buffer = &buffer_}; }
  [[nodiscard]] const WeightLayout& layout() const { return layout_; }
  [[nodiscard]] const std::vector<std::byte>& blocks() const { return blocks_; }
  [[nodiscard]] std::vector<double> values() const;  // [rows, cols]

 private:
  WeightLayout layout_;
  std::vector<std::byte> blocks_;
  gpu::Buffer buffer_;
};

}  // namespace weft::kernels
