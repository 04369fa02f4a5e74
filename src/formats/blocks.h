// The quantised blocks of GGUF files as they lie in memory, little endian: a row of a tensor is an
// array of them. What their numbers mean is in dequantize.cpp. Scales `d` and minima are binary16
// bits (base/half.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft::formats {

// 32 elements. A byte of `qs` holds element i in its low and element i + 16 in its high four bits;
// bit i of the little-endian word `qh` is the fifth bit of element i.
struct BlockQ4_0 {  // d * (q - 8)
  uint16_t d;
  uint8_t qs[16];
};
struct BlockQ4_1 {  // d * q + m
  uint16_t d, m;
  uint8_t qs[16];
};
struct BlockQ5_0 {  // d * (q - 16)
  uint16_t d;
  uint8_t qh[4];
  uint8_t qs[16];
};
struct BlockQ5_1 {  // d * q + m
  uint16_t d, m;
  uint8_t qh[4];
  uint8_t qs[16];
};
struct BlockQ8_0 {  // d * q
  uint16_t d;
  int8_t qs[32];
};

// 256 elements, in groups of 16 or 32 with small integer scales of their own.
struct BlockQ2_K {     // 16 groups of 16: d * scale * q - dmin * min
  uint8_t scales[16];  // scale in the low, min in the high four bits
  uint8_t qs[64];
  uint16_t d, dmin;
};
struct BlockQ3_K {    // 16 groups of 16: d * (scale - 32) * (q - 4)
  uint8_t hmask[32];  // the third bit of q
  uint8_t qs[64];
  uint8_t scales[12];  // 16 scales of six bits, see unpack_scales_q3
  uint16_t d;
};
struct BlockQ4_K {  // 8 groups of 32: d * scale * q - dmin * min
  uint16_t d, dmin;
  uint8_t scales[12];  // see unpack_scales_mins
  uint8_t qs[128];     // 32 bytes hold two groups, the first in the low four bits
};
struct BlockQ5_K {  // as Q4_K
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qh[32];  // bit g of byte i is the fifth bit of element i of group g
  uint8_t qs[128];
};
struct BlockQ6_K {  // 16 groups of 16: d * scale * (q - 32)
  uint8_t ql[128];  // the low four bits
  uint8_t qh[64];   // the high two
  int8_t scales[16];
  uint16_t d;
};

// Elements that are numbers of levels, low four bits before high ones (codebooks.h has the levels).
struct BlockIQ4_NL {  // 32 elements: d * kIQ4Levels[q]
  uint16_t d;
  uint8_t qs[16];
};
struct BlockIQ4_XS {  // 8 groups of 32: d * (scale - 32) * kIQ4Levels[q]
  uint16_t d;
  uint8_t scales_high[2];  // two bits a group
  uint8_t scales_low[4];   // four bits a group
  uint8_t qs[128];         // 16 bytes a group
};
struct BlockMXFP4 {  // 32 elements: 2^(e - 128) * kTwiceE2M1[q]
  uint8_t e;
  uint8_t qs[16];
};
struct BlockNVFP4 {  // 4 groups of 16: d / 2 * kTwiceE2M1[q]
  uint8_t d[4];      // floats E4M3 without sign
  uint8_t qs[32];    // 8 bytes a group
};

// 256 elements of -d, 0 or d.
struct BlockTQ1_0 {  // digits to the base 3, as fractions: digit n of byte q is (q * 3^n % 256) * 3
                     // / 256
  uint8_t qs[48];    // 5 digits a byte: 32 bytes hold elements 0 to 159, 16 hold 160 to 239
  uint8_t qh[4];     // 4 digits a byte
  uint16_t d;
};
struct BlockTQ2_0 {
  uint8_t qs[64];
  uint16_t d;
};

// 256 elements as points of a codebook (codebooks.h). The types with seven sign bits to a point of
// eight elements (or two of four) make the eighth so that an even number of them is set.
struct BlockIQ1_S {  // 8 groups of 32: d * (2 * scale + 1) * (point +- 1/8)
  uint16_t d;
  uint8_t qs[32];
  uint8_t qh[16];  // a 16-bit word a group: 4 x 3 high bits of points, scale (3), sign of 1/8
};
struct BlockIQ1_M {  // 16 groups of 16, as IQ1_S
  uint8_t qs[32];
  uint8_t qh[16];     // four bits a point: 3 high bits, sign of 1/8
  uint8_t scales[8];  // four 16-bit words: 4 x 3 bits of scales, then four bits of d
};
struct BlockIQ2_XXS {  // 8 groups of 32: d * (scale + 1/2) / 4 * point
  uint16_t d;
  uint8_t qs[64];  // a group: 4 points, then a 32-bit word of 4 x 7 signs and scale
};
struct BlockIQ2_XS {  // 16 groups of 16, as IQ2_XXS
  uint16_t d;
  uint8_t qs[64];  // a 16-bit word a point: its number (9), 7 signs
  uint8_t scales[8];
};
struct BlockIQ2_S {  // 16 groups of 16, as IQ2_XXS
  uint16_t d;
  uint8_t qs[32];
  uint8_t signs[32];
  uint8_t qh[8];  // two high bits a point
  uint8_t scales[8];
};
struct BlockIQ3_XXS {  // 8 groups of 32: d * (scale + 1/2) / 2 * point
  uint16_t d;
  uint8_t qs[64];
  uint8_t signs_scales[32];  // as in IQ2_XXS
};
struct BlockIQ3_S {  // 8 groups of 32: d * (2 * scale + 1) * point
  uint16_t d;
  uint8_t qs[64];
  uint8_t qh[8];  // the ninth bit of each point
  uint8_t signs[32];
  uint8_t scales[4];
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20);
static_assert(sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24);
static_assert(sizeof(BlockQ8_0) == 34);
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110);
static_assert(sizeof(BlockQ4_K) == 144 && sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210);
static_assert(sizeof(BlockIQ4_NL) == 18 && sizeof(BlockIQ4_XS) == 136);
static_assert(sizeof(BlockMXFP4) == 17 && sizeof(BlockNVFP4) == 36);
static_assert(sizeof(BlockTQ1_0) == 54 && sizeof(BlockTQ2_0) == 66);
static_assert(sizeof(BlockIQ1_S) == 50 && sizeof(BlockIQ1_M) == 56);
static_assert(sizeof(BlockIQ2_XXS) == 66 && sizeof(BlockIQ2_XS) == 74 && sizeof(BlockIQ2_S) == 82);
static_assert(sizeof(BlockIQ3_XXS) == 98 && sizeof(BlockIQ3_S) == 110);

// Q2_K, Q3_K and TQ2_0: two bits of element i in 64 bytes; 32 bytes hold four runs of 32 elements.
[[nodiscard]] constexpr int two_bits(const uint8_t (&qs)[64], int i) {
  return (qs[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4))) & 3;
}

// The scale of a group of 32 elements, -32 to 31.
[[nodiscard]] constexpr int scale_of_group(const BlockIQ4_XS& block, size_t group) {
  const int low = (block.scales_low[group / 2] >> (4 * (group % 2))) & 15;
  const int high = (block.scales_high[group / 4] >> (2 * (group % 4))) & 3;
  return (low | high << 4) - 32;
}

// The eight scales and eight minima of a Q4_K or Q5_K block, 0 to 63. Groups 0 to 3 own the low six
// bits of bytes 0 to 3 (scale) and 4 to 7 (min); groups 4 to 7 have their low four bits in bytes 8
// to 11 (scale low, min high) and their high two in the top of bytes 0 to 3 and 4 to 7.
struct ScalesMins {
  std::array<uint8_t, 8> scales, mins;
};
[[nodiscard]] constexpr ScalesMins unpack_scales_mins(const uint8_t (&packed)[12]) {
  ScalesMins out{};
  for (size_t g = 0; g < 4; ++g) {
    out.scales[g] = packed[g] & 63;
    out.mins[g] = packed[g + 4] & 63;
    out.scales[g + 4] = static_cast<uint8_t>((packed[g + 8] & 15) | ((packed[g] >> 6) << 4));
    out.mins[g + 4] = static_cast<uint8_t>((packed[g + 8] >> 4) | ((packed[g + 4] >> 6) << 4));
  }
  return out;
}

// Its inverse for group g, in bytes that are zero at first.
constexpr void put_scale_min(uint8_t (&packed)[12], size_t g, int scale, int min) {
  const auto put = [&packed](size_t at, int bits) {
    packed[at] = static_cast<uint8_t>(packed[at] | bits);
  };
  if (g < 4) {
    put(g, scale);
    put(g + 4, min);
  } else {
    put(g + 4, (scale & 15) | ((min & 15) << 4));
    put(g - 4, (scale >> 4) << 6);
    put(g, (min >> 4) << 6);
  }
}

// The sixteen scales of a Q3_K block, -32 to 31: four low bits each in bytes 0 to 7 (groups 0 to 7
// in the low halves, 8 to 15 in the high), two high bits each in bytes 8 to 11.
[[nodiscard]] constexpr std::array<int8_t, 16> unpack_scales_q3(const uint8_t (&packed)[12]) {
  std::array<int8_t, 16> out{};
  for (size_t g = 0; g < 16; ++g) {
    const int low = (packed[g % 8] >> (g < 8 ? 0 : 4)) & 15;
    const int high = (packed[8 + g % 4] >> (2 * (g / 4))) & 3;
    out[g] = static_cast<int8_t>((low | (high << 4)) - 32);
  }
  return out;
}

}  // namespace weft::formats
