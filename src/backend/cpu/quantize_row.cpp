#include "backend/cpu/quantize_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/quantize_row.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kTiny = 1e-30F;  // 127 / x must be finite

void quantize_row(const float* values, size_t blocks, Q8Block* out) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<int32_t, decltype(d)> di;
  const hn::Rebind<int8_t, decltype(d)> di8;
  const size_t lanes = hn::Lanes(d);
  for (size_t b = 0; b < blocks; ++b, values += kQ8Columns, ++out) {
    auto largest = hn::Zero(d);
    for (size_t i = 0; i < kQ8Columns; i += lanes) {
      largest = hn::Max(largest, hn::Abs(hn::LoadU(d, values + i)));
    }
    const float max = hn::GetLane(hn::MaxOfLanes(d, largest));
    const float scale = max / 127.0F;
    const auto inverse = hn::Set(d, max > kTiny ? 127.0F / max : 0.0F);
    for (size_t half = 0; half < 2; ++half) {
      auto sum = hn::Zero(di);
      for (size_t i = half * 16; i < half * 16 + 16; i += lanes) {
        const auto quant = hn::NearestInt(hn::Mul(hn::LoadU(d, values + i), inverse));
        hn::StoreU(hn::DemoteTo(di8, quant), di8, out->quants + i);
        sum = hn::Add(sum, quant);
      }
      out->sums[half] = hn::GetLane(hn::SumOfLanes(di, sum));
    }
    out->scale = scale;
    out->sum = scale * static_cast<float>(out->sums[0] + out->sums[1]);
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/check.h"

namespace weft::backend {

HWY_EXPORT(quantize_row);

void quantize_row(std::span<const float> values, Q8Block* out) {
  CHECK(values.size() % kQ8Columns == 0);
  HWY_DYNAMIC_DISPATCH(quantize_row)(values.data(), values.size() / kQ8Columns, out);
}

}  // namespace weft::backend
#endif  // HWY_ONCE
