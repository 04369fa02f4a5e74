#include "formats/scaled_weight.h"

#include <array>
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
