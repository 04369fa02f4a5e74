#include "formats/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

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

TEST(Dequantize, F32IsCopied) {
  const std::vector<float> in{1.5F, -0.0F, 3e-40F};
  std::vector<float> out(in.size());
  ASSERT_TRUE(dequantize(TensorType::kF32, std::as_bytes(std::span(in)), out).has_value());
  EXPECT_EQ(in, out);
}

TEST(Dequantize, NamesATypeWithoutDecoder) {
  std::vector<float> out(256);
  const auto result = dequantize(TensorType::kIQ1_S, {}, out);
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message().find("iq1_s"), std::string::npos);
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
