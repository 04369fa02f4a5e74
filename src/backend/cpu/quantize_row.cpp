#include "backend/cpu/quantize_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/quantize_row.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr auto kMax = static_cast<float>(ActivationBlock::kMaxQuant);
constexpr float kTiny = 1e-30F;  // kMax / x must be finite

void quantize_row(const float* values, size_t blocks, ActivationBlock* out, size_t stride) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<int32_t, decltype(d)> di;
  const hn::Rebind<int8_t, decltype(d)> di8;
  const size_t lanes = hn::Lanes(d);
  for (size_t b = 0; b < blocks; ++b, values += kActivationColumns, out += stride) {
    auto largest = hn::Zero(d);
    for (size_t i = 0; i < kActivationColumns; i += lanes) {
      largest = hn::Max(largest, hn::Abs(hn::LoadU(d, values + i)));
    }
    const float max = hn::GetLane(hn::MaxOfLanes(d, largest));
    const auto inverse = hn::Set(d, max > kTiny ? kMax / max : 0.0F);
    for (size_t half = 0; half < 2; ++half) {
      auto sum = hn::Zero(di);
      for (size_t i = half * 16; i < half * 16 + 16; i += lanes) {
        const auto quant = hn::NearestInt(hn::Mul(hn::LoadU(d, values + i), inverse));
        const auto high = hn::ShiftRight<8>(hn::Add(quant, hn::Set(di, 128)));
        const auto low = hn::Sub(quant, hn::ShiftLeft<8>(high));
        hn::StoreU(hn::DemoteTo(di8, high), di8, out->high + i);
        hn::StoreU(hn::DemoteTo(di8, low), di8, out->low + i);
        sum = hn::Add(sum, quant);
      }
      out->sums[half] = hn::GetLane(hn::SumOfLanes(di, sum));
    }
    out->scale = max / kMax;
    out->sum = out->scale * static_cast<float>(out->sums[0] + out->sums[1]);
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/check.h"

namespace weft::backend {

HWY_EXPORT(quantize_row);

void quantize_row(std::span<const float> values, ActivationBlock* out, size_t stride) {
  CHECK(values.size() % kActivationColumns == 0);
  HWY_DYNAMIC_DISPATCH(quantize_row)(values.data(), values.size() / kActivationColumns, out,
                                     stride);
}

}  // namespace weft::backend
#endif  // HWY_ONCE
