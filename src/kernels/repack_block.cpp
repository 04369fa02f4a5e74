#include "kernels/repack_block.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/half.h"

namespace weft::kernels {
namespace {

// Eight small numbers, one a byte.
using Eight = uint64_t;

constexpr Eight kEach = 0x0101010101010101U;

Eight load_eight(const std::byte* from) {
  Eight value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Four numbers, one a byte, as a packed dot product takes them.
struct DotWords {
  uint32_t first, second;
};

// The order of lib/dot_order.wgsl: numbers 0, 4, 1, 5 and 2, 6, 3, 7.
DotWords dot_words(Eight levels) {
  const auto spread = [](uint64_t two) {  // to bytes 0 and 2
    two &= 0xffff;
    return static_cast<uint32_t>((two | (two << 8)) & 0x00ff00ffU);
  };
  return {.first = spread(levels) | (spread(levels >> 32) << 8),
          .second = spread(levels >> 16) | (spread(levels >> 48) << 8)};
}

// Of each number the low `n_bits`; those of the second word follow those of the first in each byte.
uint32_t pack_low_bits(Eight levels, int n_bits) {
  const DotWords words = dot_words(levels & (((1U << n_bits) - 1) * kEach));
  return words.first | (words.second << n_bits);
}

void put(std::byte*& end, const void* from, size_t size_bytes) {
  std::memcpy(end, from, size_bytes);
  end += size_bytes;
}

void put_word(std::byte*& end, uint32_t word) { put(end, &word, sizeof word); }

// The bits of a byte, one a number.
Eight spread_bits(uint32_t byte) {
  const Eight own = ((byte & 0xffU) * kEach) & 0x8040201008040201U;  // bit i of byte i
  return ((own + 0x7f * kEach) >> 7) & kEach;
}

// The word of lib/weight_one_bit.wgsl: `eight_at(i)` has the bits of numbers i to i + 7 as its
// lowest ones.
template <class EightAt>
uint32_t pack_single_bits(const EightAt& eight_at) {
  uint32_t word = 0;
  for (int i = 0; i < 4; ++i) word |= pack_low_bits(eight_at(8 * i), 1) << (2 * i);
  return word;
}

// Sixteen bytes, the low halves of which are elements 0 to 15 and the high 16 to 31.
void put_nibble_halves(std::byte*& end, const std::byte* qs) {
  for (const int shift : {0, 4}) {
    put_word(end, pack_low_bits(load_eight(qs) >> shift, 4));
    put_word(end, pack_low_bits(load_eight(qs + 8) >> shift, 4));
  }
}

// Blocks of 32: scale (and min), nibbles.
template <size_t scale_bytes>
void repack_q4(const std::byte* block, PlaneEnds& planes) {
  put_nibble_halves(planes[0], block + scale_bytes);
  put(planes[1], block, scale_bytes);
}

// The same with a word of fifth bits between them.
template <size_t scale_bytes>
void repack_q5(const std::byte* block, PlaneEnds& planes) {
  put_nibble_halves(planes[0], block + scale_bytes + 4);
  uint32_t file_bits;
  std::memcpy(&file_bits, block + scale_bytes, sizeof file_bits);
  put_word(planes[1], pack_single_bits([&](int i) { return spread_bits(file_bits >> i); }));
  put(planes[2], block, scale_bytes);
}

constexpr size_t kHeaderBytes = 16;  // d, dmin and twelve bytes of scales: lib/weight_k_header.wgsl

// Groups of 32; 32 bytes hold two groups, the first in the low halves.
void put_group_nibbles(std::byte*& end, const std::byte* qs) {
  for (int group = 0; group < 8; ++group) {
    for (int i = 0; i < 32; i += 8) {
      const Eight levels = load_eight(qs + (group / 2) * 32 + i) >> (4 * (group % 2));
      put_word(end, pack_low_bits(levels, 4));
    }
  }
}

// The words of lib/weight_two_bits.wgsl: those of group g of eight that `bytes` have, 32 bytes for
// four groups.
void put_two_bits(std::byte*& end, const std::byte* bytes, int group) {
  const std::byte* own = bytes + (group / 4) * 32;
  const auto packed = [&](int i) {
    return pack_low_bits(load_eight(own + i) >> (2 * (group % 4)), 2);
  };
  for (int i = 0; i < 32; i += 16) put_word(end, packed(i) | (packed(i + 8) << 4));
}

void put_float_of_half(std::byte*& end, const std::byte* half) {
  uint16_t bits;
  std::memcpy(&bits, half, sizeof bits);
  const float value = half_to_float(bits);
  put(end, &value, sizeof value);
}

// Sixteen scales of six bits: the low four in bytes 0 to 7, of scales 0 to 7 in their low halves;
// the high two in bytes 8 to 11, four scales with neighbouring numbers modulo 4.
void put_scales_q3(std::byte*& end, const std::byte* packed) {
  for (int i = 0; i < 16; ++i) {
    const auto low = std::to_integer<int>(packed[i % 8] >> (i < 8 ? 0 : 4)) & 15;
    const auto high = std::to_integer<int>(packed[8 + i % 4] >> (2 * (i / 4))) & 3;
    const auto scale = static_cast<int8_t>((low | (high << 4)) - 32);
    put(end, &scale, 1);
  }
}

// Half of a float of four bits of exponent and three of mantissa; 0x7f, no number, counts as 0.
float half_of_e4m3(int bits) {
  if (bits == 0x7f) return 0;
  const int exponent = (bits >> 3) & 15;
  const auto mantissa = static_cast<float>(bits & 7);
  return exponent == 0 ? std::ldexp(mantissa, -10) : std::ldexp(8 + mantissa, exponent - 11);
}

constexpr size_t kLevelsAt = 20;  // in a LevelBlock, behind d and scales

void put_scales_of_levels(std::byte*& end, const std::byte* block) {
  put(end, block + 4, 16);
  put(end, block, 4);
}

// The place of |level| in the list of lib/weight_levels.wgsl, and 8 more where it is below 0.
Eight level_number(std::byte level) {
  static constexpr std::array<int8_t, 8> kMagnitudes{0, 1, 2, 7, 8, 9, 25, 43};
  const auto value = std::bit_cast<int8_t>(level);
  const auto at = std::ranges::lower_bound(kMagnitudes, std::abs(value)) - kMagnitudes.begin();
  return static_cast<Eight>(at) | (value < 0 ? 8U : 0U);
}

}  // namespace

void repack_q4_0(const std::byte* block, PlaneEnds& planes) { repack_q4<2>(block, planes); }
void repack_q4_1(const std::byte* block, PlaneEnds& planes) { repack_q4<4>(block, planes); }
void repack_mxfp4(const std::byte* block, PlaneEnds& planes) { repack_q4<1>(block, planes); }
void repack_q5_0(const std::byte* block, PlaneEnds& planes) { repack_q5<2>(block, planes); }
void repack_q5_1(const std::byte* block, PlaneEnds& planes) { repack_q5<4>(block, planes); }

void repack_q8_0(const std::byte* block, PlaneEnds& planes) {
  for (int i = 0; i < 32; i += 8) {
    const DotWords words = dot_words(load_eight(block + 2 + i));
    put_word(planes[0], words.first);
    put_word(planes[0], words.second);
  }
  put(planes[1], block, 2);
}

void repack_q2_k(const std::byte* block, PlaneEnds& planes) {
  for (int group = 0; group < 8; ++group) put_two_bits(planes[0], block + 16, group);
  put(planes[1], block, 16);      // scales and minima
  put(planes[1], block + 80, 4);  // d, dmin
}

void repack_q3_k(const std::byte* block, PlaneEnds& planes) {
  for (int group = 0; group < 8; ++group) {  // bit g of byte i: element i of group g
    put_two_bits(planes[0], block + 32, group);
    put_word(planes[1], pack_single_bits([&](int i) { return load_eight(block + i) >> group; }));
  }
  put_scales_q3(planes[2], block + 96);
  put_float_of_half(planes[2], block + 108);
}

void repack_q4_k(const std::byte* block, PlaneEnds& planes) {
  put_group_nibbles(planes[0], block + kHeaderBytes);
  put(planes[1], block, kHeaderBytes);
}

void repack_q5_k(const std::byte* block, PlaneEnds& planes) {
  const std::byte* qh = block + kHeaderBytes;  // bit g of byte i: element i of group g
  put_group_nibbles(planes[0], qh + 32);
  for (int group = 0; group < 8; ++group) {
    put_word(planes[1], pack_single_bits([&](int i) { return load_eight(qh + i) >> group; }));
  }
  put(planes[2], block, kHeaderBytes);
}

// Two halves of four groups of 32. In a half, groups 0 and 1 are the low and 2 and 3 the high four
// bits of its 64 bytes of ql, and the two bits 2 g of its 32 bytes of qh belong to group g.
void repack_q6_k(const std::byte* block, PlaneEnds& planes) {
  for (int group = 0; group < 8; ++group) {
    const std::byte* ql = block + (group / 4) * 64 + (group % 2) * 32;
    const int low_shift = 4 * (group % 4 / 2);
    for (int i = 0; i < 32; i += 8) {
      put_word(planes[0], pack_low_bits(load_eight(ql + i) >> low_shift, 4));
    }
    put_two_bits(planes[1], block + 128, group);
  }
  put(planes[2], block + 192, 16);  // scales
  put_float_of_half(planes[2], block + 208);
}

void repack_iq4_xs(const std::byte* block, PlaneEnds& planes) {
  constexpr size_t kScaleBytes = 8;  // d, then six bits for each group of 32
  for (int group = 0; group < 8; ++group) {
    put_nibble_halves(planes[0], block + kScaleBytes + 16 * group);
  }
  put(planes[1], block, kScaleBytes);
}

// Four groups of 16: a byte of scale each, and then eight bytes each, low halves first.
void repack_nvfp4(const std::byte* block, PlaneEnds& planes) {
  for (int group = 0; group < 4; ++group) {
    const Eight qs = load_eight(block + 4 + 8 * group);
    put_word(planes[0], pack_low_bits(qs, 4));
    put_word(planes[0], pack_low_bits(qs >> 4, 4));
    const uint16_t scale = float_to_half(half_of_e4m3(std::to_integer<int>(block[group])));
    put(planes[1], &scale, sizeof scale);
  }
}

void repack_levels(const std::byte* block, PlaneEnds& planes) {
  for (size_t i = 0; i < 256; i += 8) {
    Eight numbers = 0;
    for (size_t j = 0; j < 8; ++j) numbers |= level_number(block[kLevelsAt + i + j]) << (8 * j);
    put_word(planes[0], pack_low_bits(numbers, 4));
  }
  put_scales_of_levels(planes[1], block);
}

// The planes of Q6_K, whose numbers are 32 more.
void repack_six_bit_levels(const std::byte* block, PlaneEnds& planes) {
  const auto numbers = [&](int i) { return load_eight(block + kLevelsAt + i) ^ (0x20 * kEach); };
  for (int i = 0; i < 256; i += 16) {
    const Eight first = numbers(i);
    const Eight second = numbers(i + 8);
    put_word(planes[0], pack_low_bits(first, 4));
    put_word(planes[0], pack_low_bits(second, 4));
    put_word(planes[1], pack_low_bits(first >> 4, 2) | (pack_low_bits(second >> 4, 2) << 4));
  }
  put_scales_of_levels(planes[2], block);
}

}  // namespace weft::kernels
