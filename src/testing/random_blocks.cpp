#include "testing/random_blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "base/check.h"
#include "base/half.h"
#include "formats/dequantize.h"

namespace weft::testing {
namespace {

using formats::TensorType;

double root_mean_square(std::span<const float> values) {
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  return std::sqrt(squares / static_cast<double>(values.size()));
}

void put_half(std::span<std::byte> block, size_t at, float value) {
  const uint16_t bits = float_to_half(value);
  block[at] = static_cast<std::byte>(bits & 255);
  block[at + 1] = static_cast<std::byte>(bits >> 8);
}

// IQ1_M: four bits each at the top of four words.
void put_spread_half(std::span<std::byte> words, float value) {
  const uint16_t bits = float_to_half(value);
  for (size_t i = 0; i < 4; ++i) {
    const auto four = static_cast<std::byte>((bits >> (4 * i)) & 15);
    words[2 * i + 1] = (words[2 * i + 1] & std::byte{15}) | (four << 4);
  }
}

// What the numbers of a block are multiples of, or nearly.
void set_scale(TensorType type, std::span<std::byte> block, float scale) {
  switch (type) {
    case TensorType::kQ2_K:
      put_half(block, 80, scale);
      put_half(block, 82, 1.5F * scale);  // numbers are 0 on average
      break;
    case TensorType::kQ3_K:
      put_half(block, 108, scale);
      break;
    case TensorType::kMXFP4:
      block[0] = static_cast<std::byte>(std::ilogb(scale) + 127);
      break;
    case TensorType::kNVFP4:  // four floats of three bits of mantissa
      for (std::byte& group : block.first(4)) {
        const int exponent = std::clamp(std::ilogb(scale) + 7, 1, 14);
        group = (group & std::byte{7}) | static_cast<std::byte>(exponent << 3);
      }
      break;
    case TensorType::kTQ1_0:
    case TensorType::kTQ2_0:
      put_half(block, block.size() - 2, scale);
      break;
    case TensorType::kIQ1_M:
      put_spread_half(block.last(8), scale);
      break;
    default:
      put_half(block, 0, scale);
  }
}

}  // namespace

Bytes random_blocks(TensorType type, std::span<const float> like) {
  const formats::TensorTypeInfo& of = formats::info(type);
  Bytes blocks(like.size() / of.block_elements * of.block_bytes);
  std::mt19937_64 random(std::bit_cast<uint32_t>(like[0]));
  for (std::byte& byte : blocks) byte = static_cast<std::byte>(random() >> 56);
  const auto set_scales = [&](double scale) {
    for (size_t at = 0; at < blocks.size(); at += of.block_bytes) {
      set_scale(type, std::span(blocks).subspan(at, of.block_bytes), static_cast<float>(scale));
    }
  };
  set_scales(1);
  std::vector<float> decoded(like.size());
  CHECK(formats::dequantize(type, blocks, decoded).has_value());
  set_scales(root_mean_square(like) / root_mean_square(decoded));
  return blocks;
}

}  // namespace weft::testing
