// The eight-bit float E4M3 (OCP, "8-bit Floating Point Specification"): no infinities, one NaN of
// each sign.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace weft {

[[nodiscard]] constexpr float e4m3_to_float(uint8_t bits) {
  const uint32_t magnitude = bits & 0x7fU;
  const uint32_t sign = static_cast<uint32_t>(bits & 0x80U) << 24;
  if (magnitude == 0x7f) return std::numeric_limits<float>::quiet_NaN();
  if (magnitude < 8) {  // subnormal: units of 2^-9
    const float value = static_cast<float>(magnitude) * 0x1p-9F;
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 20) + (120U << 23)));  // exponents 7 and 127
}

}  // namespace weft
