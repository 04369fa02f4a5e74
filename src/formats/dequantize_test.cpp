#include "formats/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <vector>

#include "formats/codebooks.h"
#include "formats/level_block.h"
#include "formats/testdata/point_hashes.h"
#include "formats/testdata/quants_golden.h"

namespace weft::formats {
namespace {

struct Case {
  TensorType type;
  std::span<const uint8_t> blocks;
  std::span<const uint32_t> bits;
};

const Case kCases[] = {
    {TensorType::kF16, golden::kF16Blocks, golden::kF16Bits},
    {TensorType::kBF16, golden::kBF16Blocks, golden::kBF16Bits},
    {TensorType::kQ4_0, golden::kQ4_0Blocks, golden::kQ4_0Bits},
    {TensorType::kQ4_1, golden::kQ4_1Blocks, golden::kQ4_1Bits},
    {TensorType::kQ5_0, golden::kQ5_0Blocks, golden::kQ5_0Bits},
    {TensorType::kQ5_1, golden::kQ5_1Blocks, golden::kQ5_1Bits},
    {TensorType::kQ8_0, golden::kQ8_0Blocks, golden::kQ8_0Bits},
    {TensorType::kQ2_K, golden::kQ2_KBlocks, golden::kQ2_KBits},
    {TensorType::kQ3_K, golden::kQ3_KBlocks, golden::kQ3_KBits},
    {TensorType::kQ4_K, golden::kQ4_KBlocks, golden::kQ4_KBits},
    {TensorType::kQ5_K, golden::kQ5_KBlocks, golden::kQ5_KBits},
    {TensorType::kQ6_K, golden::kQ6_KBlocks, golden::kQ6_KBits},
};

TEST(Dequantize, GivesTheBitsOfThePythonPackage) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(info(c.type).name);
    ASSERT_TRUE(can_dequantize(c.type));
    std::vector<float> out(c.bits.size());
    ASSERT_TRUE(dequantize(c.type, std::as_bytes(c.blocks), out).has_value());
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), c.bits[i])
          << "element " << i << ": " << out[i] << " and " << std::bit_cast<float>(c.bits[i]);
    }
  }
}

// The goldens of the other types are hashes: make_point_hashes.py says of what.
constexpr uint32_t kNoHalf = UINT32_MAX;
struct HashCase {
  TensorType type;
  std::span<const uint32_t> hashes;  // of each block's floats
  uint32_t half;                     // the byte of a block in which bit 6 is clear
};

const HashCase kHashCases[] = {
    {TensorType::kIQ4_NL, golden::kIQ4_NLHashes, 1},
    {TensorType::kIQ4_XS, golden::kIQ4_XSHashes, 1},
    {TensorType::kMXFP4, golden::kMXFP4Hashes, kNoHalf},
    {TensorType::kNVFP4, golden::kNVFP4Hashes, kNoHalf},
    {TensorType::kTQ1_0, golden::kTQ1_0Hashes, 53},
    {TensorType::kTQ2_0, golden::kTQ2_0Hashes, 65},
    {TensorType::kIQ1_S, golden::kIQ1_SHashes, 1},
    {TensorType::kIQ1_M, golden::kIQ1_MHashes, 55},
    {TensorType::kIQ2_XXS, golden::kIQ2_XXSHashes, 1},
    {TensorType::kIQ2_XS, golden::kIQ2_XSHashes, 1},
    {TensorType::kIQ2_S, golden::kIQ2_SHashes, 1},
    {TensorType::kIQ3_XXS, golden::kIQ3_XXSHashes, 1},
    {TensorType::kIQ3_S, golden::kIQ3_SHashes, 1},
};

std::vector<uint8_t> random_bytes(size_t n) {
  uint32_t x = 1;
  std::vector<uint8_t> out(n);
  for (uint8_t& byte : out) {
    x = x * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(x >> 24);
  }
  return out;
}

template <class T>
uint32_t hash_of(std::span<const T> values) {
  uint32_t hash = 2166136261;
  for (const std::byte byte : std::as_bytes(values)) {
    hash = (hash ^ std::to_integer<uint32_t>(byte)) * 16777619;
  }
  return hash;
}

template <size_t kPoints, size_t kWidth>
uint32_t hash_of(const Codebook<kPoints, kWidth>& codebook) {
  return hash_of(std::span<const int8_t>(codebook[0].data(), kPoints * kWidth));
}

TEST(Dequantize, GivesWhatThePythonPackageHashesTo) {
  for (const HashCase& c : kHashCases) {
    SCOPED_TRACE(info(c.type).name);
    ASSERT_TRUE(can_dequantize(c.type));
    const auto [type, name, block_elements, block_bytes] = info(c.type);
    std::vector<uint8_t> bytes = random_bytes(size_t{golden::kHashedBlocks} * block_bytes);
    for (size_t i = c.half; c.half != kNoHalf && i < bytes.size(); i += block_bytes) {
      bytes[i] &= 0xbf;
    }
    std::vector<float> out(size_t{golden::kHashedBlocks} * block_elements);
    ASSERT_TRUE(dequantize(c.type, std::as_bytes(std::span(bytes)), out).has_value());
    for (size_t i = 0; i < c.hashes.size(); ++i) {
      const std::span block = std::span(out).subspan(i * block_elements, block_elements);
      ASSERT_EQ(hash_of(std::span<const float>(block)), c.hashes[i])
          << "block " << i << ", which begins with " << block[0] << ", " << block[1];
    }
  }
}

TEST(Codebooks, AreThoseOfThePythonPackage) {
  EXPECT_EQ(hash_of(kIQ1), golden::kIQ1_SCodebook);
  EXPECT_EQ(hash_of(kIQ2_XXS), golden::kIQ2_XXSCodebook);
  EXPECT_EQ(hash_of(kIQ2_XS), golden::kIQ2_XSCodebook);
  EXPECT_EQ(hash_of(kIQ2_S), golden::kIQ2_SCodebook);
  EXPECT_EQ(hash_of(kIQ3_XXS), golden::kIQ3_XXSCodebook);
  EXPECT_EQ(hash_of(kIQ3_S), golden::kIQ3_SCodebook);
}

// A GPU has a table of the levels that there may be.
TEST(LevelBlocks, HaveTheLevelsOfTheirType) {
  const std::vector<uint8_t> bytes = random_bytes(size_t{16} * sizeof(BlockIQ3_S));
  for (const auto& [type, magnitudes] : std::initializer_list<std::pair<TensorType, std::set<int>>>{
           {TensorType::kTQ1_0, {0, 1}},
           {TensorType::kTQ2_0, {0, 1, 2}},  // two bits may say 2, though no quantiser does
           {TensorType::kIQ1_S, {1, 7, 9}},
           {TensorType::kIQ1_M, {1, 7, 9}},
           {TensorType::kIQ2_XXS, {8, 25, 43}},
           {TensorType::kIQ2_XS, {8, 25, 43}},
           {TensorType::kIQ2_S, {8, 25, 43}},
           {TensorType::kIQ3_XXS, {2, 6, 10, 14, 18, 22, 26, 31}},
           {TensorType::kIQ3_S, {1, 3, 5, 7, 9, 11, 13, 15}}}) {
    SCOPED_TRACE(info(type).name);
    ASSERT_TRUE(has_levels(type));
    std::array<LevelBlock, 16> blocks;
    const auto used = std::as_bytes(std::span(bytes)).first(16 * info(type).block_bytes);
    take_levels(type, used, blocks);
    std::set<int> seen;
    for (const LevelBlock& block : blocks) {
      for (const int8_t level : block.levels) seen.insert(std::abs(level));
      for (const int8_t scale : block.scales)
        EXPECT_TRUE(scale > 0 && scale < 32 && scale % 2 == 1);
    }
    EXPECT_EQ(seen, magnitudes);
  }
  EXPECT_FALSE(has_levels(TensorType::kQ2_K));
}

TEST(Dequantize, F32IsCopied) {
  const std::vector<float> in{1.5F, -0.0F, 3e-40F};
  std::vector<float> out(in.size());
  ASSERT_TRUE(dequantize(TensorType::kF32, std::as_bytes(std::span(in)), out).has_value());
  EXPECT_EQ(in, out);
}

TEST(Dequantize, NamesATypeWithoutDecoder) {
  std::vector<float> out(256);
  const auto result = dequantize(TensorType::kQ1_0, {}, out);
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message().find("q1_0"), std::string::npos);
}

TEST(TensorTypes, HaveTheSizesOfThePythonPackage) {
  EXPECT_EQ(all_tensor_types().size(), std::size(golden::kSizes));
  for (const golden::Size& size : golden::kSizes) {
    const auto type = tensor_type_info(size.type);
    ASSERT_TRUE(type.has_value()) << size.type;
    EXPECT_EQ(static_cast<uint32_t>(type->type), size.type);
    EXPECT_EQ(type->block_elements, size.elements) << type->name;
    // The package has q8_1, which no file contains, with two floats where ggml has two halves.
    EXPECT_EQ(type->block_bytes, type->type == TensorType::kQ8_1 ? 36 : size.bytes) << type->name;
  }
}

TEST(TensorTypes, WhatIsNotDefinedIsNotFound) {
  for (const uint32_t type : {4U, 5U, 31U, 36U, 42U, 1000U, 0xffffffffU}) {
    EXPECT_FALSE(tensor_type_info(type).has_value()) << type;
  }
}

}  // namespace
}  // namespace weft::formats
