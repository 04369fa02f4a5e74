#include "formats/dequantize.h"

#include <cstring>

#include "base/check.h"
#include "base/half.h"
#include "formats/blocks.h"

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

// Q2_K and Q3_K: two bits of element i in 64 bytes; 32 bytes hold four runs of 32 elements.
int two_bits(const uint8_t (&qs)[64], int i) {
  return (qs[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4))) & 3;
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
