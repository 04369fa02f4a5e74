#include "formats/dequantize.h"

#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/half.h"
#include "formats/blocks.h"
#include "formats/codebooks.h"
#include "formats/level_block.h"

namespace weft::formats {
namespace {

// One overload a block type. The order of operations in float is ggml's, so results are its bits.

void decode(const float& x, float* out) { *out = x; }

struct F16 {
  uint16_t bits;
};
void decode(const F16& x, float* out) { *out = half_to_float(x.bits); }

struct Bf16 {
  uint16_t bits;
};
void decode(const Bf16& x, float* out) { *out = bf16_to_float(x.bits); }

void decode(const BlockQ4_0& b, float* out) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>((b.qs[i] & 15) - 8);
    out[i + 16] = d * static_cast<float>((b.qs[i] >> 4) - 8);
  }
}

void decode(const BlockQ4_1& b, float* out) {
  const float d = half_to_float(b.d);
  const float m = half_to_float(b.m);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(b.qs[i] & 15) + m;
    out[i + 16] = d * static_cast<float>(b.qs[i] >> 4) + m;
  }
}

// Five-bit number i of a Q5_0 or Q5_1 block.
template <class Block>
int five_bits(const Block& b, int i) {
  const int low = i < 16 ? b.qs[i] & 15 : b.qs[i - 16] >> 4;
  return low | (((b.qh[i / 8] >> (i % 8)) & 1) << 4);
}

void decode(const BlockQ5_0& b, float* out) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(five_bits(b, i) - 16);
}

void decode(const BlockQ5_1& b, float* out) {
  const float d = half_to_float(b.d);
  const float m = half_to_float(b.m);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(five_bits(b, i)) + m;
}

void decode(const BlockQ8_0& b, float* out) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(b.qs[i]);
}

void decode(const BlockQ2_K& b, float* out) {
  const float d = half_to_float(b.d);
  const float dmin = half_to_float(b.dmin);
  for (int i = 0; i < 256; ++i) {
    const uint8_t scale = b.scales[i / 16];
    out[i] = d * static_cast<float>(scale & 15) * static_cast<float>(two_bits(b.qs, i)) -
             dmin * static_cast<float>(scale >> 4);
  }
}

void decode(const BlockQ3_K& b, float* out) {
  const float d = half_to_float(b.d);
  const auto scales = unpack_scales_q3(b.scales);
  for (int i = 0; i < 256; ++i) {
    const int third = (b.hmask[i % 32] >> (i / 32)) & 1;
    const int q = two_bits(b.qs, i) + 4 * third - 4;
    out[i] = d * static_cast<float>(scales[static_cast<size_t>(i) / 16]) * static_cast<float>(q);
  }
}

// Q4_K and Q5_K: four bits of element i in 128 bytes; 32 bytes hold two runs of 32 elements.
int four_bits(const uint8_t (&qs)[128], int i) {
  return (qs[i / 64 * 32 + i % 32] >> (4 * (i / 32 % 2))) & 15;
}

void decode(const BlockQ4_K& b, float* out) {
  const float d = half_to_float(b.d);
  const float dmin = half_to_float(b.dmin);
  const auto [scales, mins] = unpack_scales_mins(b.scales);
  for (int i = 0; i < 256; ++i) {
    const auto group = static_cast<size_t>(i) / 32;
    out[i] = d * static_cast<float>(scales[group]) * static_cast<float>(four_bits(b.qs, i)) -
             dmin * static_cast<float>(mins[group]);
  }
}

void decode(const BlockQ5_K& b, float* out) {
  const float d = half_to_float(b.d);
  const float dmin = half_to_float(b.dmin);
  const auto [scales, mins] = unpack_scales_mins(b.scales);
  for (int i = 0; i < 256; ++i) {
    const auto group = static_cast<size_t>(i) / 32;
    const int q = four_bits(b.qs, i) | (((b.qh[i % 32] >> group) & 1) << 4);
    out[i] = d * static_cast<float>(scales[group]) * static_cast<float>(q) -
             dmin * static_cast<float>(mins[group]);
  }
}

void decode(const BlockQ6_K& b, float* out) {
  const float d = half_to_float(b.d);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128;  // each half: 64 bytes of low bits, 32 of high bits
    const int low = (b.ql[half * 64 + i % 64] >> (4 * (i / 64 % 2))) & 15;
    const int high = (b.qh[half * 32 + i % 32] >> (2 * (i / 32 % 4))) & 3;
    out[i] = d * static_cast<float>(b.scales[i / 16]) * static_cast<float>((low | high << 4) - 32);
  }
}

// Four-bit numbers of levels: `n` bytes to 2 n elements, low halves first.
void decode_levels(const uint8_t* qs, int n, const std::array<int8_t, 16>& levels, float d,
                   float* out) {
  for (int i = 0; i < n; ++i) {
    out[i] = d * static_cast<float>(levels[qs[i] & 15]);
    out[i + n] = d * static_cast<float>(levels[qs[i] >> 4]);
  }
}

void decode(const BlockIQ4_NL& b, float* out) {
  decode_levels(b.qs, 16, kIQ4Levels, half_to_float(b.d), out);
}

void decode(const BlockIQ4_XS& b, float* out) {
  const float d = half_to_float(b.d);
  for (size_t g = 0; g < 8; ++g) {
    const float scale = d * static_cast<float>(scale_of_group(b, g));
    decode_levels(b.qs + 16 * g, 16, kIQ4Levels, scale, out + 32 * g);
  }
}

void decode(const BlockMXFP4& b, float* out) {
  decode_levels(b.qs, 16, kTwiceE2M1, std::ldexp(1.0F, b.e - 128), out);
}

// Half of an E4M3 float without its sign; 0x7f, which is no number, counts as 0.
float half_of_e4m3(uint8_t bits) {
  if (bits == 0x7f) return 0;
  const int exponent = (bits >> 3) & 15;
  const int mantissa = bits & 7;
  return exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -10)
                       : std::ldexp(static_cast<float>(8 + mantissa), exponent - 11);
}

void decode(const BlockNVFP4& b, float* out) {
  for (int g = 0; g < 4; ++g) {
    decode_levels(b.qs + 8 * g, 8, kTwiceE2M1, half_of_e4m3(b.d[g]), out + 16 * g);
  }
}

// The rest, by their levels. All products are exact, so their order does not matter.
template <class Block>
  requires requires(const Block& b) { levels_of(b); }
void decode(const Block& b, float* out) {
  const LevelBlock block = levels_of(b);
  for (size_t group = 0; group < 16; ++group) {
    const float scale = block.d * static_cast<float>(block.scales[group]);
    for (size_t i = 16 * group; i < 16 * group + 16; ++i) {
      out[i] = scale * static_cast<float>(block.levels[i]);
    }
  }
}

template <class Block>
void decode_all(std::span<const std::byte> blocks, std::span<float> out) {
  const size_t n_blocks = blocks.size() / sizeof(Block);
  const size_t elements = n_blocks == 0 ? 0 : out.size() / n_blocks;
  for (size_t i = 0; i < n_blocks; ++i) {
    Block block;
    std::memcpy(&block, blocks.data() + i * sizeof(Block), sizeof(Block));
    decode(block, out.data() + i * elements);
  }
}

using Decoder = void (*)(std::span<const std::byte>, std::span<float>);

Decoder decoder(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return decode_all<float>;
    case TensorType::kF16:
      return decode_all<F16>;
    case TensorType::kBF16:
      return decode_all<Bf16>;
    case TensorType::kQ4_0:
      return decode_all<BlockQ4_0>;
    case TensorType::kQ4_1:
      return decode_all<BlockQ4_1>;
    case TensorType::kQ5_0:
      return decode_all<BlockQ5_0>;
    case TensorType::kQ5_1:
      return decode_all<BlockQ5_1>;
    case TensorType::kQ8_0:
      return decode_all<BlockQ8_0>;
    case TensorType::kQ2_K:
      return decode_all<BlockQ2_K>;
    case TensorType::kQ3_K:
      return decode_all<BlockQ3_K>;
    case TensorType::kQ4_K:
      return decode_all<BlockQ4_K>;
    case TensorType::kQ5_K:
      return decode_all<BlockQ5_K>;
    case TensorType::kQ6_K:
      return decode_all<BlockQ6_K>;
    case TensorType::kIQ4_NL:
      return decode_all<BlockIQ4_NL>;
    case TensorType::kIQ4_XS:
      return decode_all<BlockIQ4_XS>;
    case TensorType::kMXFP4:
      return decode_all<BlockMXFP4>;
    case TensorType::kNVFP4:
      return decode_all<BlockNVFP4>;
    case TensorType::kTQ1_0:
      return decode_all<BlockTQ1_0>;
    case TensorType::kTQ2_0:
      return decode_all<BlockTQ2_0>;
    case TensorType::kIQ1_S:
      return decode_all<BlockIQ1_S>;
    case TensorType::kIQ1_M:
      return decode_all<BlockIQ1_M>;
    case TensorType::kIQ2_XXS:
      return decode_all<BlockIQ2_XXS>;
    case TensorType::kIQ2_XS:
      return decode_all<BlockIQ2_XS>;
    case TensorType::kIQ2_S:
      return decode_all<BlockIQ2_S>;
    case TensorType::kIQ3_XXS:
      return decode_all<BlockIQ3_XXS>;
    case TensorType::kIQ3_S:
      return decode_all<BlockIQ3_S>;
    default:
      return nullptr;
  }
}

}  // namespace

bool can_dequantize(TensorType type) { return decoder(type) != nullptr; }

Result<void> dequantize(TensorType type, std::span<const std::byte> blocks, std::span<float> out) {
  const Decoder decode_row = decoder(type);
  if (decode_row == nullptr) return fail("Type {} has no decoder.", info(type).name);
  const TensorTypeInfo& block = info(type);
  CHECK(out.size() % block.block_elements == 0);
  CHECK(blocks.size() == out.size() / block.block_elements * block.block_bytes);
  decode_row(blocks, out);
  return {};
}

}  // namespace weft::formats
