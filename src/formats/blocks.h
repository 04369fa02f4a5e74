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

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20);
static_assert(sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24);
static_assert(sizeof(BlockQ8_0) == 34);
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110);
static_assert(sizeof(BlockQ4_K) == 144 && sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210);

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
