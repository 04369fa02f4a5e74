// Part of repack.cpp: what each format makes of one block of the file, or of 256 elements.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/repack.h"

namespace weft::kernels {

// Where the next bytes of each plane go.
using PlaneEnds = std::array<std::byte*, kMaxPlanes>;

void repack_q4_0(const std::byte* block, PlaneEnds& planes);  // and IQ4_NL
void repack_q4_1(const std::byte* block, PlaneEnds& planes);
void repack_q5_0(const std::byte* block, PlaneEnds& planes);
void repack_q5_1(const std::byte* block, PlaneEnds& planes);
void repack_q8_0(const std::byte* block, PlaneEnds& planes);
void repack_q2_k(const std::byte* block, PlaneEnds& planes);
void repack_q3_k(const std::byte* block, PlaneEnds& planes);
void repack_q4_k(const std::byte* block, PlaneEnds& planes);
void repack_q5_k(const std::byte* block, PlaneEnds& planes);
void repack_q6_k(const std::byte* block, PlaneEnds& planes);
void repack_iq4_xs(const std::byte* block, PlaneEnds& planes);
void repack_mxfp4(const std::byte* block, PlaneEnds& planes);
void repack_nvfp4(const std::byte* block, PlaneEnds& planes);
void repack_levels(const std::byte* block, PlaneEnds& planes);
void repack_six_bit_levels(const std::byte* block, PlaneEnds& planes);

}  // namespace weft::kernels
