// Reproducible numbers for tests of kernels.
#pragma once

#include <cstddef>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "base/half.h"
#include "formats/blocks.h"
#include "formats/tensor_type.h"

namespace weft::backend::testing {

inline std::vector<float> random_floats(std::mt19937& random, size_t n, float limit = 1.0F) {
  std::uniform_real_distribution<float> distribution(-limit, limit);
  std::vector<float> values(n);
  for (float& value : values) value = distribution(random);
  return values;
}

// Where the binary16 numbers of a block lie; all other bytes may have any value.
inline std::vector<size_t> half_offsets(formats::TensorType type) {
  using enum formats::TensorType;
  switch (type) {
    case kQ4_1:
    case kQ5_1:
    case kQ4_K:
    case kQ5_K:
      return {0, 2};
    case kQ2_K:
      return {offsetof(formats::BlockQ2_K, d), offsetof(formats::BlockQ2_K, dmin)};
    case kQ3_K:
      return {offsetof(formats::BlockQ3_K, d)};
    case kQ6_K:
      return {offsetof(formats::BlockQ6_K, d)};
    case kMXFP4:
      return {};
    default:
      return {0};
  }
}

// Elements of any type that has a decoder: every bit of a block random, but for scales, which are
// finite and of a sensible size.
inline std::vector<std::byte> random_weights(std::mt19937& random, formats::TensorType type,
                                             size_t elements) {
  const auto& info = formats::info(type);
  std::vector<std::byte> bytes(elements / info.block_elements * info.block_bytes);
  std::uniform_real_distribution<float> scale(-0.1F, 0.1F);
  const auto put_half = [&](size_t at) {
    const uint16_t half = float_to_half(scale(random));
    std::memcpy(&bytes[at], &half, sizeof half);
  };
  if (type == formats::TensorType::kF32) {
    const auto values = random_floats(random, elements);
    std::memcpy(bytes.data(), values.data(), bytes.size());
  } else if (type == formats::TensorType::kF16) {
    for (size_t i = 0; i < bytes.size(); i += 2) put_half(i);
  } else if (type == formats::TensorType::kBF16) {
    for (size_t i = 0; i < bytes.size(); i += 2) {
      const uint16_t bits = float_to_bf16(scale(random));
      std::memcpy(&bytes[i], &bits, sizeof bits);
    }
  } else {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    for (size_t block = 0; block < bytes.size(); block += info.block_bytes) {
      for (const size_t offset : half_offsets(type)) put_half(block + offset);
      if (type == formats::TensorType::kMXFP4) {  // 2^-12 to 2^3
        bytes[block] = static_cast<std::byte>(116 + random() % 16);
      }
    }
  }
  return bytes;
}

}  // namespace weft::backend::testing
