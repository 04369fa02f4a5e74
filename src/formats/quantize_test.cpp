#include "formats/quantize.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <cmath>
#include <vector>

#include "formats/dequantize.h"
#include "formats/testdata/quantize_errors.h"

namespace weft::formats {
namespace {

using Bytes = std::vector<std::byte>;

// As make_quantize_errors.py makes them.
std::vector<float> numbers(size_t n, uint32_t state) {
  std::vector<float> out(n);
  for (float& x : out) {
    int total = 0;
    for (int i = 0; i < 6; ++i) {
      state = state * 1664525 + 1013904223;
      total += static_cast<int>(state >> 24);
    }
    x = static_cast<float>(total - 765) / 256;
  }
  return out;
}

Bytes quantized(TensorType type, std::span<const float> row,
                std::span<const float> importance = {}) {
  Bytes out(row.size() / info(type).block_elements * info(type).block_bytes);
  quantize_row(type, row, importance, out);
  return out;
}

std::vector<float> decoded(TensorType type, const Bytes& blocks, size_t n) {
  std::vector<float> out(n);
  EXPECT_TRUE(dequantize(type, blocks, out).has_value());
  return out;
}

// Weighted error of a whole matrix, relative to its size.
double error_of(TensorType type, std::span<const float> values, std::span<const float> importance) {
  double errors = 0;
  double squares = 0;
  for (size_t first = 0; first < values.size(); first += golden::kErrorCols) {
    const auto row = values.subspan(first, golden::kErrorCols);
    const auto back = decoded(type, quantized(type, row, importance), row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      const double counts = importance.empty() ? 1 : static_cast<double>(importance[i]);
      errors += counts * std::pow(static_cast<double>(row[i]) - static_cast<double>(back[i]), 2);
      squares += counts * std::pow(static_cast<double>(row[i]), 2);
    }
  }
  return std::sqrt(errors / squares);
}

TEST(Quantize, ErrorsAreAtMostThoseOfGgml) {
  const auto values = numbers(golden::kErrorRows * golden::kErrorCols, 1);
  auto importance = numbers(golden::kErrorCols, 2);
  for (float& x : importance) x = 1 + x * x;
  for (const auto& [type, plain, weighted] : golden::kQuantizeErrors) {
    EXPECT_LE(error_of(type, values, {}), 1.001 * plain) << info(type).name;
    EXPECT_LE(error_of(type, values, importance), 1.01 * weighted) << info(type).name;
  }
}

std::vector<TensorType> quantized_types() {
  std::vector<TensorType> out;
  for (const TensorTypeInfo& type : all_tensor_types()) {
    if (can_quantize(type.type)) out.push_back(type.type);
  }
  return out;
}

TEST(Quantize, FloatsAreRoundedToTheNearest) {
  const std::vector<float> row{1.0F, 1.0009765F, -2.5F, 1e-8F, 70000.0F};
  EXPECT_EQ(decoded(TensorType::kF32, quantized(TensorType::kF32, row), 5), row);
  const auto half = decoded(TensorType::kF16, quantized(TensorType::kF16, row), 5);
  EXPECT_EQ(half, (std::vector<float>{1.0F, 1.0009765625F, -2.5F, 0.0F, INFINITY}));
  const auto brain = decoded(TensorType::kBF16, quantized(TensorType::kBF16, row), 5);
  EXPECT_EQ(brain[1], 1.0F);
  EXPECT_EQ(brain[4], 70144.0F);
}

TEST(Quantize, ZerosStayZeros) {
  const std::vector<float> zeros(512);
  for (const TensorType type : quantized_types()) {
    EXPECT_EQ(decoded(type, quantized(type, zeros), zeros.size()), zeros) << info(type).name;
  }
}

// A block's bits do not depend on what else is in the row, nor on how the row fills tiles.
TEST(Quantize, BlocksAreQuantisedByThemselves) {
  for (const TensorType type : quantized_types()) {
    const auto [_, name, elements, bytes] = info(type);
    const auto row = numbers(size_t{19} * elements, 3);
    const Bytes all = quantized(type, row);
    for (size_t block = 0; block < 19; ++block) {
      const Bytes one = quantized(type, std::span(row).subspan(block * elements, elements));
      ASSERT_EQ(one, Bytes(all.begin() + static_cast<ptrdiff_t>(block * bytes),
                           all.begin() + static_cast<ptrdiff_t>((block + 1) * bytes)))
          << name << ", block " << block;
    }
  }
}

TEST(Quantize, ImportantColumnsAreCloser) {
  const auto row = numbers(2048, 5);
  std::vector<float> importance(row.size(), 1.0F);
  for (size_t i = 0; i < row.size(); i += 4) importance[i] = 100;
  for (const TensorType type : {TensorType::kQ4_0, TensorType::kQ4_1, TensorType::kQ2_K,
                                TensorType::kQ3_K, TensorType::kQ4_K, TensorType::kIQ4_NL}) {
    const auto plain = decoded(type, quantized(type, row), row.size());
    const auto weighted = decoded(type, quantized(type, row, importance), row.size());
    double before = 0;
    double after = 0;
    for (size_t i = 0; i < row.size(); i += 4) {
      before += std::pow(plain[i] - row[i], 2);
      after += std::pow(weighted[i] - row[i], 2);
    }
    EXPECT_LT(after, 0.9 * before) << info(type).name;
  }
}

TEST(Quantize, GivesTheSameBitsOnEveryInstructionSet) {
  const auto row = numbers(1024, 4);
  for (const TensorType type : quantized_types()) {
    const Bytes wanted = quantized(type, row);
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
      hwy::SetSupportedTargetsForTest(target);
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
      EXPECT_EQ(quantized(type, row), wanted)
          << info(type).name << " with " << hwy::TargetName(target);
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
}

// Sums overflow, scales are infinite or 0: whatever comes of it, smallest numbers become 0.
TEST(Quantize, TakesAllFiniteNumbers) {
  for (const TensorType type : quantized_types()) {
    if (info(type).block_elements == 1) continue;
    for (const float size : {1e-45F, 1e-40F, 1e25F, 3e38F}) {
      std::vector<float> row = numbers(512, 6);
      for (float& x : row) x *= size / 3;
      std::vector<float> importance(row.size(), size);
      importance[7] = 0;
      const auto plain = decoded(type, quantized(type, row), row.size());
      const auto weighted = decoded(type, quantized(type, row, importance), row.size());
      if (size > 1) continue;
      for (size_t i = 0; i < row.size(); ++i) {
        ASSERT_LE(std::abs(plain[i]), 1e-37F) << info(type).name << " " << size;
        ASSERT_LE(std::abs(weighted[i]), 1e-37F) << info(type).name << " " << size;
      }
    }
  }
}

// Numbers that are all alike, and one that is unlike the others.
TEST(Quantize, OddBlocksStayNear) {
  for (const TensorType type : quantized_types()) {
    for (const float size : {1e-3F, 1.0F, 1e3F}) {
      std::vector<float> row(256, size);
      const auto constant = decoded(type, quantized(type, row), row.size());
      row[100] = -7 * size;
      const auto outlier = decoded(type, quantized(type, row), row.size());
      for (size_t i = 0; i < row.size(); ++i) {
        ASSERT_LE(std::abs(constant[i] - size), 1.01F * size) << info(type).name << " " << size;
        ASSERT_LE(std::abs(outlier[i] - row[i]), 1.5F * size) << info(type).name << " " << size;
      }
    }
  }
}

}  // namespace
}  // namespace weft::formats
