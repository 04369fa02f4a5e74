#include "backend/cpu/quantize_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/dot_quads_test.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/dot_quads-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// out = dot_quads(sums, weights, x) of 16 lanes, in both forms.
template <bool kFullBytes>
void both_forms(const int32_t* sums, const uint8_t* weights, const int8_t* x, int32_t* out,
                int32_t* portable) {
  const hn::CappedTag<int32_t, 16> d;
  for (size_t i = 0; i < 16; i += hn::Lanes(d)) {
    const auto w = hn::LoadU(d, reinterpret_cast<const int32_t*>(weights + 4 * i));
    const auto quad = hn::LoadU(d, reinterpret_cast<const int32_t*>(x + 4 * i));
    const auto sum = hn::LoadU(d, sums + i);
    hn::StoreU(dot_quads<kFullBytes>(d, sum, w, quad), d, out + i);
    hn::StoreU(dot_quads_portable(d, sum, w, quad), d, portable + i);
  }
}

void seven_bits(const int32_t* sums, const uint8_t* weights, const int8_t* x, int32_t* out,
                int32_t* portable) {
  both_forms<false>(sums, weights, x, out, portable);
}
void full_bytes(const int32_t* sums, const uint8_t* weights, const int8_t* x, int32_t* out,
                int32_t* portable) {
  both_forms<true>(sums, weights, x, out, portable);
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <array>
#include <random>

#include <gtest/gtest.h>

#include "backend/cpu/testing/instruction_sets.h"

namespace weft::backend {
namespace {

HWY_EXPORT(seven_bits);
HWY_EXPORT(full_bytes);

struct Operands {
  std::array<int32_t, 16> sums;
  std::array<uint8_t, 64> weights;
  std::array<int8_t, 64> x;

  [[nodiscard]] std::array<int32_t, 16> expected() const {
    std::array<int32_t, 16> out = sums;
    for (size_t i = 0; i < 64; ++i) out[i / 4] += weights[i] * x[i];
    return out;
  }
};

void expect_exact(const Operands& o, int highest_weight) {
  testing::for_each_instruction_set([&] {
    std::array<int32_t, 16> out;
    std::array<int32_t, 16> portable;
    const auto dot =
        highest_weight > 127 ? HWY_DYNAMIC_DISPATCH(full_bytes) : HWY_DYNAMIC_DISPATCH(seven_bits);
    dot(o.sums.data(), o.weights.data(), o.x.data(), out.data(), portable.data());
    EXPECT_EQ(out, o.expected());
    EXPECT_EQ(portable, o.expected());
  });
}

TEST(DotQuads, IsExact) {
  std::mt19937 random(1);
  for (const int highest_weight : {127, 255}) {
    for (int round = 0; round < 100; ++round) {
      Operands o;
      for (int32_t& sum : o.sums) sum = static_cast<int32_t>(random()) / 2;
      for (uint8_t& weight : o.weights) weight = static_cast<uint8_t>(random() & highest_weight);
      for (int8_t& x : o.x) x = static_cast<int8_t>(random());
      expect_exact(o, highest_weight);
    }
  }
}

TEST(DotQuads, IsExactAtTheEndsOfItsRange) {
  for (const int highest_weight : {127, 255}) {
    for (const int x : {-128, 127}) {
      Operands o;
      o.sums.fill(1);
      o.weights.fill(static_cast<uint8_t>(highest_weight));
      o.x.fill(static_cast<int8_t>(x));
      expect_exact(o, highest_weight);
    }
  }
}

}  // namespace
}  // namespace weft::backend
#endif  // HWY_ONCE
