#include "backend/cpu/kv_cache.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/aligned.h"
#include "backend/cpu/testing/instruction_sets.h"
#include "backend/cpu/testing/kv_contents.h"
#include "backend/cpu/testing/random.h"

namespace weft::backend {
namespace {

using testing::for_each_instruction_set;
using testing::stored_key;
using testing::stored_value;

constexpr uint32_t kHeads = 2;

// The largest magnitude of the 32 columns that share column i's scale.
double largest_beside(const float* head, uint32_t dim, uint32_t i) {
  const uint32_t first = i / kQ8Columns * kQ8Columns;
  float largest = 0;
  for (uint32_t k = first; k < std::min(dim, first + kQ8Columns); ++k) {
    largest = std::max(largest, std::abs(head[k]));
  }
  return static_cast<double>(largest);
}

// Binary16 is rounded to nearest or, on instruction sets without conversions, towards zero. Bytes
// are rounded to half a step, of a scale that has itself been rounded to binary16.
double rounding(KvType type, const float* head, uint32_t dim, uint32_t i) {
  if (type == KvType::kF16) return std::abs(static_cast<double>(head[i])) * 0x1p-10 + 0x1p-24;
  return largest_beside(head, dim, i) / 127 * (0.5 + 127 * 0x1p-11) + 127 * 0x1p-25;
}

void expect_kept(const KvShape& shape) {
  std::mt19937 random(shape.head_dim);
  const auto key = testing::random_floats(random, kHeads * shape.head_dim, 3.0F);
  auto value = testing::random_floats(random, kHeads * shape.head_dim, 1e-6F);
  value.back() = 0;
  const AlignedArray<std::byte> memory(3 * shape.block_bytes());
  const KvCache cache(shape, memory.data(), shape.block_bytes());
  for (const auto& [block, slot] : {std::pair(1U, 0U), {1U, 13U}, {1U, 31U}}) {
    store_key_value(cache, block, slot, key.data(), value.data());
    for (uint32_t at = 0; at < kHeads * shape.head_dim; ++at) {
      const uint32_t head = at / shape.head_dim;
      const uint32_t i = at % shape.head_dim;
      const float* const k = &key[head * shape.head_dim];
      const float* const v = &value[head * shape.head_dim];
      ASSERT_NEAR(stored_key(cache, block, slot, head, i), static_cast<double>(k[i]),
                  rounding(shape.types.keys, k, shape.head_dim, i))
          << slot << ", " << at;
      ASSERT_NEAR(stored_value(cache, block, slot, head, i), static_cast<double>(v[i]),
                  rounding(shape.types.values, v, shape.head_dim, i))
          << slot << ", " << at;
    }
  }
  const auto untouched = [](std::byte b) { return b == std::byte{0}; };
  EXPECT_TRUE(std::ranges::all_of(memory.values().first(shape.block_bytes()), untouched));
  EXPECT_TRUE(std::ranges::all_of(memory.values().last(shape.block_bytes()), untouched));
}

TEST(KvCache, KeepsKeysAndValuesToAStep) {
  for (const uint32_t dim : {16U, 20U, 64U, 80U}) {
    for (const KvType keys : {KvType::kF16, KvType::kQ8_0}) {
      for (const KvType values : {KvType::kF16, KvType::kQ8_0}) {
        SCOPED_TRACE(std::to_string(dim) + std::string(name(keys)) + std::string(name(values)));
        for_each_instruction_set(
            [&] { expect_kept({.kv_heads = kHeads, .head_dim = dim, .types = {keys, values}}); });
      }
    }
  }
}

TEST(KvCache, QuantsOfNeighbouringColumnsStayWithinAStep) {
  const KvShape shape{.kv_heads = 1, .head_dim = 32, .types = {KvType::kQ8_0, KvType::kQ8_0}};
  const AlignedArray<std::byte> memory(shape.block_bytes());
  const KvCache cache(shape, memory.data(), shape.block_bytes());
  // 127 * 1.4 * 2^-24: a scale that binary16 rounds down to 2^-24, so that quants are cut at 127.
  std::vector<float> row(32, 127 * 1.4F * 0x1p-24F);
  row[5] = -row[5];
  for_each_instruction_set([&] {
    store_key_value(cache, 0, 3, row.data(), row.data());
    EXPECT_EQ(stored_key(cache, 0, 3, 0, 4), 127 * 0x1p-24);
    EXPECT_EQ(stored_value(cache, 0, 3, 0, 5), -127 * 0x1p-24);
  });
}

TEST(KvCache, BytesTakeLittleMoreThanHalfTheMemory) {
  const auto bytes = [](KvType keys, KvType values) {
    return KvShape{.kv_heads = 3, .head_dim = 64, .types = {keys, values}}.block_bytes();
  };
  EXPECT_EQ(bytes(KvType::kF16, KvType::kF16), 3 * 64 * 32 * 2 * 2U);
  EXPECT_EQ(bytes(KvType::kQ8_0, KvType::kQ8_0), 3 * 64 * 32 * 2 * 34 / 32U);
  EXPECT_EQ(2 * bytes(KvType::kQ8_0, KvType::kF16),
            bytes(KvType::kF16, KvType::kF16) + bytes(KvType::kQ8_0, KvType::kQ8_0));
}

TEST(KvType, HasTheNamesThatUsersKnow) {
  for (const auto& [text, type] : {std::pair("f16", KvType::kF16), {"q8_0", KvType::kQ8_0}}) {
    const auto found = find_kv_type(text);
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(*found, type);
    EXPECT_EQ(name(type), text);
  }
  const auto unknown = find_kv_type("q4_0");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message(), "A KV cache is kept as f16 or q8_0, and not as 'q4_0'.");
}

}  // namespace
}  // namespace weft::backend
