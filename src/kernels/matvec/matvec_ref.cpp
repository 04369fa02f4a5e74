#include "kernels/matvec/matvec_ref.h"

#include <cmath>

#include "base/half.h"

// One element at a time, by its index, as the block formats are described in src/formats/blocks.h.

namespace weft::kernels {
namespace {

using Bytes = const uint8_t*;

uint16_t u16_at(Bytes bytes, size_t offset) {
  return static_cast<uint16_t>(bytes[offset] | (bytes[offset + 1] << 8));
}

double half_at(Bytes bytes, size_t offset) { return half_to_float(u16_at(bytes, offset)); }

double f32_at(Bytes bytes) {
  return std::bit_cast<float>(uint32_t{u16_at(bytes, 0)} | (uint32_t{u16_at(bytes, 2)} << 16));
}

// Element e of 32, the first 16 of which are the low halves.
int nibble(Bytes qs, size_t e) { return (qs[e % 16] >> (e < 16 ? 0 : 4)) & 15; }

int fifth_bit(Bytes qh, size_t e) { return ((qh[e / 8] >> (e % 8)) & 1) << 4; }

double q4_k_or_q5_k(Bytes block, size_t e, Bytes qs, int high) {
  const size_t group = e / 32;
  const int q = ((qs[group / 2 * 32 + e % 32] >> (group % 2 * 4)) & 15) | high;
  Bytes packed = block + 4;
  int scale = packed[group % 4] & 63;
  int least = packed[group % 4 + 4] & 63;
  if (group >= 4) {
    scale = (packed[group + 4] & 15) | (packed[group - 4] >> 6 << 4);
    least = (packed[group + 4] >> 4) | (packed[group] >> 6 << 4);
  }
  return half_at(block, 0) * scale * q - half_at(block, 2) * least;
}

double q5_k(Bytes block, size_t e) {
  const int high = ((block[16 + e % 32] >> (e / 32)) & 1) << 4;
  return q4_k_or_q5_k(block, e, block + 48, high);
}

double q6_k(Bytes block, size_t e) {
  const size_t half = e / 128;
  const size_t group = e % 128 / 32;
  const int low = (block[half * 64 + group % 2 * 32 + e % 32] >> (group / 2 * 4)) & 15;
  const int high = (block[128 + half * 32 + e % 32] >> (2 * group)) & 3;
  const auto scale = static_cast<int8_t>(block[192 + e / 16]);
  return half_at(block, 208) * scale * ((low | (high << 4)) - 32);
}

double iq4_level(int q) {
  constexpr int kLevels[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113};
  return kLevels[q];
}

double iq4_xs(Bytes block, size_t e) {
  const size_t group = e / 32;
  const int low = (block[4 + group / 2] >> (group % 2 * 4)) & 15;
  const int high = (u16_at(block, 2) >> (2 * group)) & 3;
  const double scale = (low | (high << 4)) - 32;
  return half_at(block, 0) * scale * iq4_level(nibble(block + 8 + 16 * group, e % 32));
}

// A sign, two bits of exponent (of which 0 is subnormal), one of mantissa.
double e2m1(int q) {
  const int exponent = (q >> 1) & 3;
  const double fraction = (q & 1) / 2.0;
  const double magnitude = exponent == 0 ? fraction : std::ldexp(1 + fraction, exponent - 1);
  return q < 8 ? magnitude : -magnitude;
}

// Of element e of 256, in 64 bytes.
int two_bits(Bytes qs, size_t e) { return (qs[e / 128 * 32 + e % 32] >> (e % 128 / 32 * 2)) & 3; }

double q2_k(Bytes block, size_t e) {
  const int scale = block[e / 16];
  return half_at(block, 80) * (scale % 16) * two_bits(block + 16, e) -
         half_at(block, 82) * (scale / 16);
}

double q3_k(Bytes block, size_t e) {
  const size_t group = e / 16;
  Bytes scales = block + 96;
  const int low = (scales[group % 8] >> (group / 8 * 4)) & 15;
  const int high = (scales[8 + group % 4] >> (group / 4 * 2)) & 3;
  const int third = (block[e % 32] >> (e / 32)) & 1;
  return half_at(block, 108) * (low + 16 * high - 32) * (two_bits(block + 32, e) + 4 * third - 4);
}

double e4m3(int bits) {
  const int exponent = bits / 8 % 16;
  const double fraction = bits % 8 / 8.0;
  return exponent == 0 ? std::ldexp(fraction, -6) : std::ldexp(1 + fraction, exponent - 7);
}

double nvfp4(Bytes block, size_t e) {
  const size_t group = e / 16;
  const int q = (block[4 + 8 * group + e % 8] >> (e % 16 / 8 * 4)) & 15;
  return e4m3(block[group]) * e2m1(q);
}

double of_level_block(Bytes block, size_t e) {
  const auto scale = static_cast<int8_t>(block[4 + e / 16]);
  return f32_at(block) * scale * static_cast<int8_t>(block[20 + e]);
}

double element(WeightFormat format, Bytes block, size_t e) {
  switch (format) {
    case WeightFormat::kF32:
      return f32_at(block);
    case WeightFormat::kF16:
      return half_at(block, 0);
    case WeightFormat::kBF16:
      return bf16_to_float(u16_at(block, 0));
    case WeightFormat::kQ8_0:
      return half_at(block, 0) * static_cast<int8_t>(block[2 + e]);
    case WeightFormat::kQ4_0:
      return half_at(block, 0) * (nibble(block + 2, e) - 8);
    case WeightFormat::kQ4_1:
      return half_at(block, 0) * nibble(block + 4, e) + half_at(block, 2);
    case WeightFormat::kQ5_0:
      return half_at(block, 0) * ((nibble(block + 6, e) | fifth_bit(block + 2, e)) - 16);
    case WeightFormat::kQ5_1:
      return half_at(block, 0) * (nibble(block + 8, e) | fifth_bit(block + 4, e)) +
             half_at(block, 2);
    case WeightFormat::kQ4_K:
      return q4_k_or_q5_k(block, e, block + 16, 0);
    case WeightFormat::kQ5_K:
      return q5_k(block, e);
    case WeightFormat::kIQ4_NL:
      return half_at(block, 0) * iq4_level(nibble(block + 2, e));
    case WeightFormat::kIQ4_XS:
      return iq4_xs(block, e);
    case WeightFormat::kMXFP4:
      return std::ldexp(e2m1(nibble(block + 1, e)), block[0] - 127);
    case WeightFormat::kQ6_K:
      return q6_k(block, e);
    case WeightFormat::kQ2_K:
      return q2_k(block, e);
    case WeightFormat::kQ3_K:
      return q3_k(block, e);
    case WeightFormat::kNVFP4:
      return nvfp4(block, e);
    case WeightFormat::kLevels:
    case WeightFormat::kSixBitLevels:
      return of_level_block(block, e);
  }
  return 0;
}

}  // namespace

std::vector<double> dequantize_ref(WeightFormat format, uint32_t cols,
                                   std::span<const std::byte> file_rows) {
  const size_t elements = block_of(format);
  const size_t block_bytes = file_row_bytes(format, cols) / (cols / elements);
  std::vector<double> values;
  for (size_t at = 0; at < file_rows.size(); at += block_bytes) {
    const auto* block = reinterpret_cast<Bytes>(file_rows.data() + at);
    for (size_t e = 0; e < elements; ++e) values.push_back(element(format, block, e));
  }
  return values;
}

std::vector<double> product_ref(std::span<const float> x, std::span<const double> w, uint32_t k) {
  std::vector<double> y;
  for (size_t row = 0; row < x.size(); row += k) {
    for (size_t n = 0; n < w.size(); n += k) {
      double sum = 0;
      for (size_t i = 0; i < k; ++i) sum += w[n + i] * x[row + i];
      y.push_back(sum);
    }
  }
  return y;
}

}  // namespace weft::kernels
