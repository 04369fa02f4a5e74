#include "testing/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "formats/dequantize.h"

namespace weft::testing {
namespace {

using formats::TensorType;

// Root of the mean squared error of a round trip, in units of the input's deviation.
double round_trip_error(TensorType type) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> in(2048);
  for (float& x : in) x = normal(random);
  std::vector<float> out(in.size());
  EXPECT_TRUE(formats::dequantize(type, quantize(type, in), out).has_value());
  double squares = 0;
  for (size_t i = 0; i < in.size(); ++i) squares += std::pow(in[i] - out[i], 2);
  return std::sqrt(squares / static_cast<double>(in.size()));
}

TEST(Quantize, LosesWhatTheFormatsBitsImply) {
  EXPECT_EQ(round_trip_error(TensorType::kF32), 0);
  EXPECT_LT(round_trip_error(TensorType::kF16), 5e-4);
  EXPECT_LT(round_trip_error(TensorType::kBF16), 4e-3);
  EXPECT_LT(round_trip_error(TensorType::kQ8_0), 0.008);
  for (const auto type : {TensorType::kQ4_0, TensorType::kQ4_1, TensorType::kQ4_K}) {
    EXPECT_LT(round_trip_error(type), 0.11) << formats::info(type).name;
  }
  for (const auto type : {TensorType::kQ5_0, TensorType::kQ5_1, TensorType::kQ5_K}) {
    EXPECT_LT(round_trip_error(type), 0.055) << formats::info(type).name;
  }
  EXPECT_LT(round_trip_error(TensorType::kQ6_K), 0.025);
}

}  // namespace
}  // namespace weft::testing
