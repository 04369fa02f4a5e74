#include "formats/grouped_weight.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/half.h"
#include "formats/blocks.h"

namespace weft::formats {
namespace {

constexpr uint32_t kBlock = 32;

uint32_t word_at(std::span<const std::byte> words, size_t index) {
  uint32_t word = 0;
  std::memcpy(&word, words.data() + index * sizeof(word), sizeof(word));
  return word;
}

// Where in a word of AWQ's the neighbour i is.
uint32_t awq_place(uint32_t i) { return i / 2 + (i % 2) * 4; }

bool is_half(float value) { return half_to_float(float_to_half(value)) == value; }

template <class Block>
void put(const Block& block, std::byte* out) {
  std::memcpy(out, &block, sizeof(block));
}

// Numbers of four bits, element i low and element i + 16 high.
void put_nibbles(const uint8_t (&numbers)[kBlock], uint8_t (&out)[16]) {
  for (size_t i = 0; i < 16; ++i) {
    out[i] = static_cast<uint8_t>((numbers[i] & 15) | (numbers[i + 16] << 4));
  }
}

void put_float(TensorType type, float value, std::byte* out) {
  if (type == TensorType::kF32) return put(value, out);
  put(type == TensorType::kF16 ? float_to_half(value) : float_to_bf16(value), out);
}

}  // namespace

uint32_t GroupedWeight::number(uint32_t row, uint32_t col) const {
  const uint32_t log2_n = bits == 4 ? 3 : 2;  // of n numbers to a word
  const uint32_t n = 1U << log2_n;
  const uint32_t mask = (1U << bits) - 1;
  if (order == WordOrder::kGptq) {
    const uint32_t word = word_at(words, size_t{col >> log2_n} * rows + row);
    return (word >> ((col & (n - 1)) * bits)) & mask;
  }
  const uint32_t word = word_at(words, (size_t{col} * rows + row) >> log2_n);
  return (word >> (awq_place(row & (n - 1)) * bits)) & mask;
}

uint32_t GroupedWeight::zero(uint32_t group, uint32_t row) const {
  const uint32_t n = 32 / bits;
  const uint32_t place = order == WordOrder::kGptq ? row % n : awq_place(row % n);
  const uint32_t word = word_at(zeros, (size_t{group} * rows + row) / n);
  return ((word >> (place * bits)) + zero_offset) & ((1U << bits) - 1);
}

TensorType GroupedWeight::decoded_type() const {
  bool fits = cols % kBlock == 0 && std::ranges::all_of(scales, is_half);
  for (uint32_t col = 0; fits && col < cols; ++col) {
    fits = groups[col] == groups[col / kBlock * kBlock];
  }
  if (!fits) return scale_type;
  bool is_symmetric = true;
  for (uint32_t group = 0; is_symmetric && group < n_groups; ++group) {
    for (uint32_t row = 0; row < rows; ++row) {
      is_symmetric = is_symmetric && zero(group, row) == 1U << (bits - 1);
    }
  }
  if (bits == 8) return is_symmetric ? TensorType::kQ8_0 : scale_type;
  return is_symmetric ? TensorType::kQ4_0 : TensorType::kQ5_0;
}

void GroupedWeight::decode_block(TensorType type, uint32_t row, uint32_t first_col,
                                 std::byte* out) const {
  const uint32_t group = groups[first_col];
  const uint16_t d = float_to_half(scales[size_t{group} * rows + row]);
  // Below zero where q is: an element of a block is stored as itself plus half of the range.
  const uint32_t range = type == TensorType::kQ5_0 ? 32 : 1U << bits;
  const uint32_t shift = range / 2 - zero(group, row);
  uint8_t numbers[kBlock];
  for (uint32_t i = 0; i < kBlock; ++i) {
    numbers[i] = static_cast<uint8_t>(number(row, first_col + i) + shift);
  }
  if (type == TensorType::kQ8_0) {
    BlockQ8_0 block{.d = d, .qs = {}};
    for (uint32_t i = 0; i < kBlock; ++i) block.qs[i] = static_cast<int8_t>(numbers[i] - 128);
    return put(block, out);
  }
  if (type == TensorType::kQ4_0) {
    BlockQ4_0 block{.d = d, .qs = {}};
    put_nibbles(numbers, block.qs);
    return put(block, out);
  }
  BlockQ5_0 block{.d = d, .qh = {}, .qs = {}};
  put_nibbles(numbers, block.qs);
  for (uint32_t i = 0; i < kBlock; ++i) {
    block.qh[i / 8] = static_cast<uint8_t>(block.qh[i / 8] | ((numbers[i] >> 4) << (i % 8)));
  }
  put(block, out);
}

void GroupedWeight::decode(TensorType type, uint32_t first, uint32_t count,
                           std::span<std::byte> out) const {
  const TensorTypeInfo& to = info(type);
  const size_t row_bytes = size_t{cols} / to.block_elements * to.block_bytes;
  CHECK(out.size() == count * row_bytes);
  // Rows run fastest: neighbouring rows share the cache lines of `words`.
  for (uint32_t col = 0; col < cols; col += to.block_elements) {
    for (uint32_t i = 0; i < count; ++i) {
      std::byte* place = out.data() + i * row_bytes + col / to.block_elements * to.block_bytes;
      if (to.block_elements == kBlock) {
        decode_block(type, first + i, col, place);
        continue;
      }
      const uint32_t group = groups[col];
      const auto q = static_cast<int>(number(first + i, col));
      const auto z = static_cast<int>(zero(group, first + i));
      put_float(type, scales[size_t{group} * rows + first + i] * static_cast<float>(q - z), place);
    }
  }
}

}  // namespace weft::formats
