#include "formats/scaled_weight.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/checked.h"
#include "base/float8.h"
#include "base/half.h"
#include "formats/blocks.h"

namespace weft::formats {
namespace {

constexpr std::array<float, 256> kE4M3 = [] {
  std::array<float, 256> values{};
  for (uint32_t bits = 0; bits < 256; ++bits) {
    values[bits] = e4m3_to_float(static_cast<uint8_t>(bits));
  }
  return values;
}();

}  // namespace

void Float8Weight::decode(uint32_t first, uint32_t count, std::span<std::byte> out) const {
  CHECK(out.size() == size_t{count} * cols * sizeof(uint16_t));
  const size_t blocks_in_row = ceil_div(cols, block_cols);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = first + i;
    const float* row_scales = scales.data() + row / block_rows * blocks_in_row;
    for (uint32_t col = 0; col < cols; ++col) {
      const auto element = static_cast<size_t>(elements[size_t{row} * cols + col]);
      const uint16_t value = float_to_bf16(kE4M3[element] * row_scales[col / block_cols]);
      std::memcpy(out.data() + (size_t{i} * cols + col) * sizeof(value), &value, sizeof(value));
    }
  }
}

TensorType Int8Weight::decoded_type() const {
  constexpr float kSmallest = 0x1p-14F;
  constexpr float kLargest = 65504;
  const bool fits = std::ranges::all_of(scales, [](float scale) {
    return scale == 0 || (std::abs(scale) >= kSmallest && std::abs(scale) <= kLargest);
  });
  const uint32_t elements_of_block = info(TensorType::kQ8_0).block_elements;
  const bool shares = cols % elements_of_block == 0 && block_cols % elements_of_block == 0;
  return fits && shares ? TensorType::kQ8_0 : TensorType::kF32;
}

void Int8Weight::decode(TensorType type, uint32_t first, uint32_t count,
                        std::span<std::byte> out) const {
  CHECK(type == TensorType::kQ8_0 || type == TensorType::kF32);
  const size_t blocks_in_row = ceil_div(cols, block_cols);
  const uint32_t step = info(type).block_elements;
  CHECK(out.size() == size_t{count} * (cols / step) * info(type).block_bytes);
  for (uint32_t row = first; row < first + count; ++row) {
    for (uint32_t col = 0; col < cols; col += step) {
      const std::byte* from = elements.data() + size_t{row} * cols + col;
      const float scale = scales[row * blocks_in_row + col / block_cols];
      if (type == TensorType::kQ8_0) {
        BlockQ8_0 block{.d = float_to_half(scale), .qs = {}};
        std::memcpy(block.qs, from, sizeof(block.qs));
        std::memcpy(out.data(), &block, sizeof(block));
      } else {
        const float value = scale * static_cast<float>(static_cast<int8_t>(*from));
        std::memcpy(out.data(), &value, sizeof(value));
      }
      out = out.subspan(info(type).block_bytes);
    }
  }
}

void pack_mxfp4(std::span<const std::byte> elements, std::span<const std::byte> scales,
                std::span<std::byte> out) {
  CHECK(elements.size() == scales.size() * 16 && out.size() == scales.size() * sizeof(BlockMXFP4));
  for (size_t block = 0; block < scales.size(); ++block) {
    BlockMXFP4 packed{.e = static_cast<uint8_t>(scales[block]), .qs = {}};
    const auto nibble = [&](size_t i) {
      return (static_cast<uint32_t>(elements[block * 16 + i / 2]) >> (i % 2 * 4)) & 15U;
    };
    for (size_t i = 0; i < 16; ++i) {
      packed.qs[i] = static_cast<uint8_t>(nibble(i) | (nibble(i + 16) << 4));
    }
    std::memcpy(out.data() + block * sizeof(packed), &packed, sizeof(packed));
  }
}

}  // namespace weft::formats
