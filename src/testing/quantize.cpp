#include "testing/quantize.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/half.h"
#include "formats/blocks.h"
#include "testing/random_blocks.h"

namespace weft::testing {
namespace {

using namespace formats;

// round(value / step) within [low, high]; 0 where there is no step.
int steps(float value, float step, int low, int high) {
  if (step == 0) return std::clamp(0, low, high);
  return static_cast<int>(
      std::clamp(std::round(value / step), static_cast<float>(low), static_cast<float>(high)));
}

float largest_magnitude(std::span<const float> x) {
  float most = 0;
  for (const float v : x) most = std::max(most, std::abs(v));
  return most;
}

// The step that spreads `x` over [0, levels], and where it begins: at 0 or below.
struct Range {
  float min, step;
};
Range range_of(std::span<const float> x, int levels) {
  const auto [low, high] = std::ranges::minmax(x);
  const float min = std::min(low, 0.0F);
  return {min, (high - min) / static_cast<float>(levels)};
}

uint8_t byte(int value) { return static_cast<uint8_t>(value); }

void encode(std::span<const float> x, BlockQ8_0& b) {
  b.d = float_to_half(largest_magnitude(x) / 127);
  for (size_t i = 0; i < 32; ++i) {
    b.qs[i] = static_cast<int8_t>(steps(x[i], half_to_float(b.d), -127, 127));
  }
}

// Element i of 32 to its four bits, and to its fifth where the block has one.
template <class Block>
void put_bits(Block& b, size_t i, int q) {
  b.qs[i % 16] |= byte((q & 15) << (i < 16 ? 0 : 4));
  if constexpr (requires { b.qh; }) b.qh[i / 8] |= byte((q >> 4) << (i % 8));
}

// Q4_0, Q5_0: d * (q - half).
template <class Block>
void encode_symmetric(std::span<const float> x, Block& b, int half) {
  b.d = float_to_half(largest_magnitude(x) / static_cast<float>(half - 1));
  for (size_t i = 0; i < 32; ++i) {
    put_bits(b, i, steps(x[i], half_to_float(b.d), -half, half - 1) + half);
  }
}
void encode(std::span<const float> x, BlockQ4_0& b) { encode_symmetric(x, b, 8); }
void encode(std::span<const float> x, BlockQ5_0& b) { encode_symmetric(x, b, 16); }

// Q4_1, Q5_1: d * q + m.
template <class Block>
void encode_with_min(std::span<const float> x, Block& b, int levels) {
  const Range range = range_of(x, levels);
  b.d = float_to_half(range.step);
  b.m = float_to_half(range.min);
  for (size_t i = 0; i < 32; ++i) {
    put_bits(b, i, steps(x[i] - half_to_float(b.m), half_to_float(b.d), 0, levels));
  }
}
void encode(std::span<const float> x, BlockQ4_1& b) { encode_with_min(x, b, 15); }
void encode(std::span<const float> x, BlockQ5_1& b) { encode_with_min(x, b, 31); }

// Q4_K, Q5_K: d * scale * q - dmin * min.
template <class Block>
void encode_k(std::span<const float> x, Block& b, int levels) {
  std::array<Range, 8> ranges;
  float most_step = 0;
  float most_min = 0;
  for (size_t g = 0; g < 8; ++g) {
    ranges[g] = range_of(x.subspan(32 * g, 32), levels);
    most_step = std::max(most_step, ranges[g].step);
    most_min = std::max(most_min, -ranges[g].min);
  }
  b.d = float_to_half(most_step / 63);
  b.dmin = float_to_half(most_min / 63);
  const float d = half_to_float(b.d);
  const float dmin = half_to_float(b.dmin);
  for (size_t g = 0; g < 8; ++g) {
    const int scale = steps(ranges[g].step, d, 0, 63);
    const int min = steps(-ranges[g].min, dmin, 0, 63);
    put_scale_min(b.scales, g, scale, min);
    for (size_t i = 0; i < 32; ++i) {
      const float above = x[32 * g + i] + dmin * static_cast<float>(min);
      const int q = steps(above, d * static_cast<float>(scale), 0, levels);
      b.qs[g / 2 * 32 + i] |= byte((q & 15) << (g % 2 * 4));
      if constexpr (requires { b.qh; }) b.qh[i] |= byte((q >> 4) << g);
    }
  }
}
void encode(std::span<const float> x, BlockQ4_K& b) { encode_k(x, b, 15); }
void encode(std::span<const float> x, BlockQ5_K& b) { encode_k(x, b, 31); }

void encode(std::span<const float> x, BlockQ6_K& b) {
  b.d = float_to_half(largest_magnitude(x) / 31 / 127);
  const float d = half_to_float(b.d);
  for (size_t g = 0; g < 16; ++g) {
    const float group_step = largest_magnitude(x.subspan(16 * g, 16)) / 31;
    b.scales[g] = static_cast<int8_t>(steps(group_step, d, 0, 127));
    for (size_t j = 0; j < 16; ++j) {
      const size_t i = 16 * g + j;
      const int q = steps(x[i], d * static_cast<float>(b.scales[g]), -32, 31) + 32;
      b.ql[i / 128 * 64 + i % 64] |= byte((q & 15) << (i / 64 % 2 * 4));
      b.qh[i / 128 * 32 + i % 32] |= byte((q >> 4) << (i / 32 % 4 * 2));
    }
  }
}

template <class Block>
Bytes encode_all(std::span<const float> values, size_t block_elements) {
  Bytes out;
  for (size_t first = 0; first < values.size(); first += block_elements) {
    Block block{};
    encode(values.subspan(first, block_elements), block);
    put_bytes(out, std::as_bytes(std::span(&block, 1)));
  }
  return out;
}

template <class Convert>
Bytes convert_all(std::span<const float> values, Convert convert) {
  Bytes out;
  for (const float value : values) put(out, convert(value));
  return out;
}

}  // namespace

Bytes quantize(TensorType type, std::span<const float> values) {
  const size_t n = info(type).block_elements;
  CHECK(values.size() % n == 0);
  switch (type) {
    case TensorType::kF32:
      return convert_all(values, [](float v) { return v; });
    case TensorType::kF16:
      return convert_all(values, float_to_half);
    case TensorType::kBF16:
      return convert_all(values, float_to_bf16);
    case TensorType::kQ4_0:
      return encode_all<BlockQ4_0>(values, n);
    case TensorType::kQ4_1:
      return encode_all<BlockQ4_1>(values, n);
    case TensorType::kQ5_0:
      return encode_all<BlockQ5_0>(values, n);
    case TensorType::kQ5_1:
      return encode_all<BlockQ5_1>(values, n);
    case TensorType::kQ8_0:
      return encode_all<BlockQ8_0>(values, n);
    case TensorType::kQ4_K:
      return encode_all<BlockQ4_K>(values, n);
    case TensorType::kQ5_K:
      return encode_all<BlockQ5_K>(values, n);
    case TensorType::kQ6_K:
      return encode_all<BlockQ6_K>(values, n);
    default:
      return random_blocks(type, values);
  }
}

}  // namespace weft::testing
