#include "formats/level_block.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/half.h"
#include "formats/codebooks.h"

// Points are counted by p, each of eight elements, or in IQ3 of two halves of four.
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

// Writes a block's numbers as they come.
class Writer {
 public:
  explicit Writer(float d) { block_.d = d; }

  // Of `n` neighbouring groups of 16: 2 * scale + 1.
  void odd_scale(uint32_t scale, int n) {
    for (int i = 0; i < n; ++i) block_.scales[scales_++] = static_cast<int8_t>(2 * scale + 1);
  }

  void level(int level) { block_.levels[levels_++] = static_cast<int8_t>(level); }

  // Bit i of `signs` makes element i negative.
  template <size_t kWidth>
  void point(const std::array<int8_t, kWidth>& point, uint32_t signs, int divisor = 1) {
    for (size_t i = 0; i < kWidth; ++i) {
      level((((signs >> i) & 1U) != 0 ? -point[i] : point[i]) / divisor);
    }
  }

  // Eight times each element, plus or minus one.
  void shifted_point(const std::array<int8_t, 8>& point, bool down) {
    for (const int8_t element : point) level(8 * element + (down ? -1 : 1));
  }

  [[nodiscard]] const LevelBlock& block() const { return block_; }

 private:
  LevelBlock block_{};
  size_t scales_ = 0;
  size_t levels_ = 0;
};

template <class Block>
void take_all(std::span<const std::byte> blocks, std::span<LevelBlock> out) {
  CHECK(blocks.size() == out.size() * sizeof(Block));
  for (size_t i = 0; i < out.size(); ++i) {
    Block block;
    std::memcpy(&block, blocks.data() + i * sizeof(Block), sizeof(Block));
    out[i] = levels_of(block);
  }
}

using Taker = void (*)(std::span<const std::byte>, std::span<LevelBlock>);

Taker taker(TensorType type) {
  switch (type) {
    case TensorType::kTQ1_0:
      return take_all<BlockTQ1_0>;
    case TensorType::kTQ2_0:
      return take_all<BlockTQ2_0>;
    case TensorType::kIQ1_S:
      return take_all<BlockIQ1_S>;
    case TensorType::kIQ1_M:
      return take_all<BlockIQ1_M>;
    case TensorType::kIQ2_XXS:
      return take_all<BlockIQ2_XXS>;
    case TensorType::kIQ2_XS:
      return take_all<BlockIQ2_XS>;
    case TensorType::kIQ2_S:
      return take_all<BlockIQ2_S>;
    case TensorType::kIQ3_XXS:
      return take_all<BlockIQ3_XXS>;
    case TensorType::kIQ3_S:
      return take_all<BlockIQ3_S>;
    default:
      return nullptr;
  }
}

}  // namespace

LevelBlock levels_of(const BlockTQ1_0& b) {
  Writer out(half_to_float(b.d));
  out.odd_scale(0, 16);
  const auto put_digits = [&](const uint8_t* bytes, int n_bytes, int n_digits) {
    uint8_t power = 1;
    for (int digit = 0; digit < n_digits; ++digit, power *= 3) {
      for (int i = 0; i < n_bytes; ++i) {
        const auto fraction = static_cast<uint8_t>(bytes[i] * power);
        out.level((fraction * 3 >> 8) - 1);
      }
    }
  };
  put_digits(b.qs, 32, 5);
  put_digits(b.qs + 32, 16, 5);
  put_digits(b.qh, 4, 4);
  return out.block();
}

LevelBlock levels_of(const BlockTQ2_0& b) {
  Writer out(half_to_float(b.d));
  out.odd_scale(0, 16);
  for (int i = 0; i < 256; ++i) out.level(two_bits(b.qs, i) - 1);
  return out.block();
}

LevelBlock levels_of(const BlockIQ1_S& b) {
  Writer out(half_to_float(b.d) / 8);
  for (int p = 0; p < 32; ++p) {
    const uint32_t group = word_at<uint16_t>(b.qh, p / 4);
    const uint32_t high = (group >> (3 * (p % 4))) & 7U;
    if (p % 4 == 0) out.odd_scale((group >> 12) & 7U, 2);
    out.shifted_point(kIQ1[b.qs[p] | high << 8], (group >> 15) != 0);
  }
  return out.block();
}

LevelBlock levels_of(const BlockIQ1_M& b) {
  uint32_t d_bits = 0;
  for (int i = 0; i < 4; ++i) d_bits |= (word_at<uint16_t>(b.scales, i) >> 12U) << (4 * i);
  Writer out(half_to_float(static_cast<uint16_t>(d_bits)) / 8);
  for (int p = 0; p < 32; ++p) {
    const int group = p / 2;
    const uint32_t scale = (word_at<uint16_t>(b.scales, group / 4) >> (3 * (group % 4))) & 7U;
    if (p % 2 == 0) out.odd_scale(scale, 1);
    const uint32_t high = half_byte(b.qh, p);
    out.shifted_point(kIQ1[b.qs[p] | (high & 7U) << 8], (high & 8U) != 0);
  }
  return out.block();
}

LevelBlock levels_of(const BlockIQ2_XXS& b) {
  Writer out(half_to_float(b.d) / 8);
  for (int p = 0; p < 32; ++p) {
    const int group = p / 4;
    const auto signs_scale = word_at<uint32_t>(b.qs, 2 * group + 1);
    if (p % 4 == 0) out.odd_scale(signs_scale >> 28, 2);
    const uint32_t signs = (signs_scale >> (7 * (p % 4))) & 127U;
    out.point(kIQ2_XXS[b.qs[8 * group + p % 4]], even_signs(signs));
  }
  return out.block();
}

LevelBlock levels_of(const BlockIQ2_XS& b) {
  Writer out(half_to_float(b.d) / 8);
  for (int p = 0; p < 32; ++p) {
    const uint32_t q = word_at<uint16_t>(b.qs, p);
    if (p % 2 == 0) out.odd_scale(half_byte(b.scales, p / 2), 1);
    out.point(kIQ2_XS[q & 511U], even_signs(q >> 9));
  }
  return out.block();
}

LevelBlock levels_of(const BlockIQ2_S& b) {
  Writer out(half_to_float(b.d) / 8);
  for (int p = 0; p < 32; ++p) {
    const uint32_t high = (b.qh[p / 4] >> (2 * (p % 4))) & 3U;
    if (p % 2 == 0) out.odd_scale(half_byte(b.scales, p / 2), 1);
    out.point(kIQ2_S[b.qs[p] | high << 8], b.signs[p]);
  }
  return out.block();
}

// Elements of the codebook are even.
LevelBlock levels_of(const BlockIQ3_XXS& b) {
  Writer out(half_to_float(b.d) / 2);
  for (int p = 0; p < 32; ++p) {
    const auto signs_scale = word_at<uint32_t>(b.signs_scales, p / 4);
    if (p % 4 == 0) out.odd_scale(signs_scale >> 28, 2);
    const uint32_t signs = even_signs((signs_scale >> (7 * (p % 4))) & 127U);
    out.point(kIQ3_XXS[b.qs[2 * p]], signs, 2);
    out.point(kIQ3_XXS[b.qs[2 * p + 1]], signs >> 4, 2);
  }
  return out.block();
}

LevelBlock levels_of(const BlockIQ3_S& b) {
  Writer out(half_to_float(b.d));
  for (int p = 0; p < 32; ++p) {
    if (p % 4 == 0) out.odd_scale(half_byte(b.scales, p / 4), 2);
    const uint32_t high = (b.qh[p / 4] >> (2 * (p % 4))) & 3U;
    out.point(kIQ3_S[b.qs[2 * p] | (high & 1U) << 8], b.signs[p]);
    out.point(kIQ3_S[b.qs[2 * p + 1] | (high & 2U) << 7], b.signs[p] >> 4U);
  }
  return out.block();
}

bool has_levels(TensorType type) { return taker(type) != nullptr; }

void take_levels(TensorType type, std::span<const std::byte> blocks, std::span<LevelBlock> out) {
  const Taker take = taker(type);
  CHECK(take != nullptr);
  take(blocks, out);
}

}  // namespace weft::formats
