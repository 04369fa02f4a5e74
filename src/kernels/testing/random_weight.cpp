#include "kernels/testing/random_weight.h"

#include <array>
#include <cstring>

#include "base/check.h"
#include "base/half.h"
#include "kernels/matvec/matvec_ref.h"
#include "kernels/testing/kernel_fixture.h"

namespace weft::kernels {
namespace {

struct HalfField {
  size_t offset;
  float largest;
};

// The binary16 numbers of a block: random bytes would make some of them infinite.
std::vector<HalfField> half_fields(WeightFormat format) {
  switch (format) {
    case WeightFormat::kF32:
    case WeightFormat::kBF16:
    case WeightFormat::kMXFP4:
    case WeightFormat::kNVFP4:
    case WeightFormat::kLevels:
    case WeightFormat::kSixBitLevels:
      return {};
    case WeightFormat::kF16:
      return {{0, 1}};
    case WeightFormat::kQ8_0:
      return {{0, 1 / 128.0F}};
    case WeightFormat::kQ4_0:
      return {{0, 1 / 8.0F}};
    case WeightFormat::kQ5_0:
      return {{0, 1 / 16.0F}};
    case WeightFormat::kQ4_1:
      return {{0, 1 / 8.0F}, {2, 1}};
    case WeightFormat::kQ5_1:
      return {{0, 1 / 16.0F}, {2, 1}};
    case WeightFormat::kQ4_K:
      return {{0, 1 / 512.0F}, {2, 1 / 64.0F}};
    case WeightFormat::kQ5_K:
      return {{0, 1 / 1024.0F}, {2, 1 / 64.0F}};
    case WeightFormat::kIQ4_NL:
      return {{0, 1 / 128.0F}};
    case WeightFormat::kIQ4_XS:
      return {{0, 1 / 4096.0F}};
    case WeightFormat::kQ6_K:
      return {{208, 1 / 4096.0F}};
    case WeightFormat::kQ2_K:
      return {{80, 1 / 32.0F}, {82, 1 / 16.0F}};
    case WeightFormat::kQ3_K:
      return {{108, 1 / 128.0F}};
  }
  return {};
}

// Makes what repack() takes of 276 random bytes.
void make_level_block(WeightFormat format, float number, std::byte* block) {
  static constexpr std::array<int8_t, 8> kMagnitudes{0, 1, 2, 7, 8, 9, 25, 43};
  const float d = number / 4096;
  std::memcpy(block, &d, 4);
  for (std::byte& level : std::span(block + 20, 256)) {
    const auto random = std::to_integer<uint8_t>(level);
    const int magnitude = kMagnitudes[random % 8];
    const int value = format == WeightFormat::kSixBitLevels ? random % 64 - 32
                      : random < 128                        ? magnitude
                                                            : -magnitude;
    level = static_cast<std::byte>(value);
  }
}

}  // namespace

std::vector<std::byte> random_blocks(WeightFormat format, uint32_t rows, uint32_t cols,
                                     uint32_t seed) {
  const size_t size = rows * file_row_bytes(format, cols);
  const size_t n_blocks = size_t{rows} * (cols / block_of(format));
  std::vector<std::byte> blocks(size);
  const std::vector<uint32_t> words = random_words(size / 4 + 1, seed);
  std::memcpy(blocks.data(), words.data(), size);
  const std::vector<float> numbers = random_floats(2 * n_blocks, seed + 1);
  for (size_t b = 0; b < n_blocks; ++b) {
    std::byte* block = blocks.data() + b * (size / n_blocks);
    if (format == WeightFormat::kF32) std::memcpy(block, &numbers[b], 4);
    if (format == WeightFormat::kBF16) {
      const uint16_t bits = float_to_bf16(numbers[b]);
      std::memcpy(block, &bits, 2);
    }
    // Scales of 2^-12 to 2^-5, for levels up to 12.
    if (format == WeightFormat::kMXFP4) block[0] = std::byte(116 + b % 8);
    if (format == WeightFormat::kNVFP4) {  // scales of 2^-6 to 2^-4
      for (std::byte& scale : std::span(block, 4)) scale = (scale & std::byte{7}) | std::byte{8};
    }
    if (format == WeightFormat::kLevels || format == WeightFormat::kSixBitLevels) {
      make_level_block(format, numbers[b], block);
    }
    size_t next = 2 * b;
    for (const HalfField& field : half_fields(format)) {
      const uint16_t bits = float_to_half(field.largest * numbers[next++]);
      std::memcpy(block + field.offset, &bits, 2);
    }
  }
  return blocks;
}

RandomWeight::RandomWeight(gpu::Device& device, WeightFormat format, uint32_t rows, uint32_t cols,
                           uint32_t seed)
    : RandomWeight(device, format, rows, cols, random_blocks(format, rows, cols, seed)) {}

RandomWeight::RandomWeight(gpu::Device& device, WeightFormat format, uint32_t rows, uint32_t cols,
                           std::span<const std::byte> blocks)
    : layout_(weight_layout(format, rows, cols)), blocks_(blocks.begin(), blocks.end()) {
  auto buffer = device.create_buffer(layout_.size_bytes, "weight");
  CHECK(buffer.has_value());
  buffer_ = std::move(*buffer);
  std::vector<std::byte> staging(repacked_bytes(layout_, rows));
  for (const PlanePiece& piece : repack(layout_, {.count = rows}, blocks_, staging)) {
    device.write(buffer_, piece.offset, piece.bytes);
  }
}

std::vector<double> RandomWeight::values() const {
  return dequantize_ref(layout_.format, layout_.cols, blocks_);
}

}  // namespace weft::kernels
