// The codebooks of the IQ1, IQ2 and IQ3 types: facts of ggml's format. Such a type stores
// neighbouring elements as the number of a point in a table that was chosen once, from the points
// that occur most.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft::formats {

template <size_t kPoints, size_t kWidth>
using Codebook = std::array<std::array<int8_t, kWidth>, kPoints>;

extern const Codebook<2048, 8> kIQ1;  // IQ1_S and IQ1_M
extern const Codebook<256, 8> kIQ2_XXS;
extern const Codebook<512, 8> kIQ2_XS;
extern const Codebook<1024, 8> kIQ2_S;
extern const Codebook<256, 4> kIQ3_XXS;
extern const Codebook<512, 4> kIQ3_S;

// IQ4_NL and IQ4_XS: the 16 levels of an element, unevenly spaced.
inline constexpr std::array<int8_t, 16> kIQ4Levels{-127, -104, -83, -65, -49, -35, -22, -10,
                                                   1,    13,   25,  38,  53,  69,  89,  113};

// MXFP4 and NVFP4: twice the value of the four-bit float E2M1 (OCP Microscaling Formats 1.0).
inline constexpr std::array<int8_t, 16> kTwiceE2M1{0, 1,  2,  3,  4,  6,  8,  12,
                                                   0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace weft::formats
