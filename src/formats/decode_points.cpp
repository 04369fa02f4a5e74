#include "formats/decode_points.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/half.h"
#include "formats/codebooks.h"

// Points are counted by p, each of eight elements, or in IQ3 of two halves of four. The order of
// operations in float is ggml's.
namespace weft::formats {
namespace {

template <class Word>
Word word_at(const uint8_t* bytes, int index) {
  Word word;
  std::memcpy(&word, bytes + static_cast<size_t>(index) * sizeof(Word), sizeof(Word));
  return word;
}

uint32_t half_byte(const uint8_t* bytes, int index) {
  return (bytes[index / 2] >> (4 * (index % 2))) & 15U;
}

// Seven signs and the one that makes their number even.
uint32_t even_signs(uint32_t signs) {
  return signs | (static_cast<uint32_t>(std::popcount(signs)) & 1U) << 7;
}

// Bit i of `signs` makes element i negative.
template <size_t kWidth>
void put_point(const std::array<int8_t, kWidth>& point, uint32_t signs, float scale, float* out) {
  for (size_t i = 0; i < kWidth; ++i) {
    const float sign = ((signs >> i) & 1U) != 0 ? -1.0F : 1.0F;
    out[i] = scale * static_cast<float>(point[i]) * sign;
  }
}

void put_shifted(const std::array<int8_t, 8>& point, bool down, float scale, float* out) {
  const float shift = down ? -0.125F : 0.125F;
  for (size_t i = 0; i < 8; ++i) out[i] = scale * (static_cast<float>(point[i]) + shift);
}

float odd_scale(float d, uint32_t scale) { return d * static_cast<float>(2 * scale + 1); }

float scale_iq2(float d, uint32_t scale) { return d * (0.5F + static_cast<float>(scale)) * 0.25F; }

}  // namespace

void decode(const BlockIQ1_S& b, float* out) {
  const float d = half_to_float(b.d);
  for (int p = 0; p < 32; ++p) {
    const uint32_t group = word_at<uint16_t>(b.qh, p / 4);
    const uint32_t high = (group >> (3 * (p % 4))) & 7U;
    const float scale = odd_scale(d, (group >> 12) & 7U);
    put_shifted(kIQ1[b.qs[p] | high << 8], (group >> 15) != 0, scale, out + 8 * p);
  }
}

void decode(const BlockIQ1_M& b, float* out) {
  uint32_t d_bits = 0;
  for (int i = 0; i < 4; ++i) d_bits |= (word_at<uint16_t>(b.scales, i) >> 12U) << (4 * i);
  const float d = half_to_float(static_cast<uint16_t>(d_bits));
  for (int p = 0; p < 32; ++p) {
    const int group = p / 2;
    const uint32_t scale = (word_at<uint16_t>(b.scales, group / 4) >> (3 * (group % 4))) & 7U;
    const uint32_t high = half_byte(b.qh, p);
    put_shifted(kIQ1[b.qs[p] | (high & 7U) << 8], (high & 8U) != 0, odd_scale(d, scale),
                out + 8 * p);
  }
}

void decode(const BlockIQ2_XXS& b, float* out) {
  const float d = half_to_float(b.d);
  for (int p = 0; p < 32; ++p) {
    const int group = p / 4;
    const auto signs_scale = word_at<uint32_t>(b.qs, 2 * group + 1);
    const uint32_t signs = (signs_scale >> (7 * (p % 4))) & 127U;
    put_point(kIQ2_XXS[b.qs[8 * group + p % 4]], even_signs(signs), scale_iq2(d, signs_scale >> 28),
              out + 8 * p);
  }
}

void decode(const BlockIQ2_XS& b, float* out) {
  const float d = half_to_float(b.d);
  for (int p = 0; p < 32; ++p) {
    const uint32_t q = word_at<uint16_t>(b.qs, p);
    put_point(kIQ2_XS[q & 511U], even_signs(q >> 9), scale_iq2(d, half_byte(b.scales, p / 2)),
              out + 8 * p);
  }
}

void decode(const BlockIQ2_S& b, float* out) {
  const float d = half_to_float(b.d);
  for (int p = 0; p < 32; ++p) {
    const uint32_t high = (b.qh[p / 4] >> (2 * (p % 4))) & 3U;
    put_point(kIQ2_S[b.qs[p] | high << 8], b.signs[p], scale_iq2(d, half_byte(b.scales, p / 2)),
              out + 8 * p);
  }
}

void decode(const BlockIQ3_XXS& b, float* out) {
  const float d = half_to_float(b.d);
  for (int p = 0; p < 32; ++p) {
    const auto signs_scale = word_at<uint32_t>(b.signs_scales, p / 4);
    const uint32_t signs = even_signs((signs_scale >> (7 * (p % 4))) & 127U);
    const float scale = d * (0.5F + static_cast<float>(signs_scale >> 28)) * 0.5F;
    put_point(kIQ3_XXS[b.qs[2 * p]], signs, scale, out + 8 * p);
    put_point(kIQ3_XXS[b.qs[2 * p + 1]], signs >> 4, scale, out + 8 * p + 4);
  }
}

void decode(const BlockIQ3_S& b, float* out) {
  const float d = half_to_float(b.d);
  for (int p = 0; p < 32; ++p) {
    const float scale = odd_scale(d, half_byte(b.scales, p / 4));
    const uint32_t high = (b.qh[p / 4] >> (2 * (p % 4))) & 3U;
    put_point(kIQ3_S[b.qs[2 * p] | (high & 1U) << 8], b.signs[p], scale, out + 8 * p);
    put_point(kIQ3_S[b.qs[2 * p + 1] | (high & 2U) << 7], b.signs[p] >> 4U, scale, out + 8 * p + 4);
  }
}

}  // namespace weft::formats
