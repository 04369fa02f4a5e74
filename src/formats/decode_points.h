// Part of dequantize.cpp: the types whose elements are points of a codebook. Each writes 256
// floats.
#pragma once

#include "formats/blocks.h"

namespace weft::formats {

void decode(const BlockIQ1_S& b, float* out);
void decode(const BlockIQ1_M& b, float* out);
void decode(const BlockIQ2_XXS& b, float* out);
void decode(const BlockIQ2_XS& b, float* out);
void decode(const BlockIQ2_S& b, float* out);
void decode(const BlockIQ3_XXS& b, float* out);
void decode(const BlockIQ3_S& b, float* out);

}  // namespace weft::formats
