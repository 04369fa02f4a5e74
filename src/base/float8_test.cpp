#include "base/float8.h"

#include <cmath>

#include <gtest/gtest.h>

namespace weft {
namespace {

// By the definition: sign, four bits of exponent with bias 7, three of mantissa.
TEST(Float8, EveryBitPatternIsWhatTheFormatSays) {
  for (int bits = 0; bits < 256; ++bits) {
    const int exponent = (bits >> 3) & 15;
    const int mantissa = bits & 7;
    const float got = e4m3_to_float(static_cast<uint8_t>(bits));
    if (exponent == 15 && mantissa == 7) {
      EXPECT_TRUE(std::isnan(got)) << bits;
      continue;
    }
    const double magnitude = exponent == 0 ? std::ldexp(mantissa / 8.0, -6)
                                           : std::ldexp(1 + mantissa / 8.0, exponent - 7);
    EXPECT_EQ(got, static_cast<float>(bits < 128 ? magnitude : -magnitude)) << bits;
    EXPECT_EQ(std::signbit(got), bits >= 128) << bits;
  }
  EXPECT_EQ(e4m3_to_float(0x7e), 448);
}

}  // namespace
}  // namespace weft
