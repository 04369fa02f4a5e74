#include "bench/limits.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/limits.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/dot_quads-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft::bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, 16>;
using DI = hn::Rebind<int32_t, DF>;
using DU = hn::Rebind<uint32_t, DF>;
using D16 = hn::Repartition<int16_t, DF>;
constexpr size_t kChains = 12;  // independent sums hide the latency of one
constexpr size_t kOperands = 8;

uint32_t read_words(const uint32_t* words, size_t n) {
  constexpr size_t kSums = 8;
  const DU d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<DU> sums[kSums];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (size_t i = 0; i < n; i += kSums * lanes) {
    for (size_t s = 0; s < kSums; ++s) {
      sums[s] = hn::Add(sums[s], hn::LoadU(d, words + i + s * lanes));
    }
  }
  for (size_t s = 1; s < kSums; ++s) sums[0] = hn::Add(sums[0], sums[s]);
  return hn::GetLane(hn::SumOfLanes(d, sums[0]));
}

// sum[k] = add(sum[k], x, w[k]) for each chain k, again and again. Every round has another x, so
// that no product is the same twice.
template <class D, class Add>
HWY_INLINE float run_chains(D d, uint64_t rounds, const Add& add) {
  alignas(64) hn::TFromD<D> operands[(kOperands + kChains) * 64 / sizeof(hn::TFromD<D>)];
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < sizeof operands / sizeof operands[0]; ++i) {
    operands[i] = static_cast<hn::TFromD<D>>(i % 7);
  }
  hn::Vec<D> sums[kChains];
  hn::Vec<D> w[kChains];
  for (size_t k = 0; k < kChains; ++k) {
    sums[k] = hn::Zero(d);
    w[k] = hn::Load(d, operands + (kOperands + k) * lanes);
  }
  for (uint64_t i = 0; i < rounds; ++i) {
    const auto x = hn::Load(d, operands + i % kOperands * lanes);
    for (size_t k = 0; k < kChains; ++k) sums[k] = add(sums[k], x, w[k]);
  }
  for (size_t k = 1; k < kChains; ++k) sums[0] = hn::Add(sums[0], sums[k]);
  return static_cast<float>(hn::GetLane(sums[0]));
}

using VI = hn::Vec<DI>;

HWY_INLINE VI add_int16(VI sum, VI x, VI w) {
#if HWY_TARGET == HWY_AVX3_DL
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum.raw) : "v"(w.raw), "v"(x.raw));
  return sum;
#else
  const D16 d16;
  VI unused = hn::Zero(DI());
  return hn::ReorderWidenMulAccumulate(DI(), hn::BitCast(d16, x), hn::BitCast(d16, w), sum, unused);
#endif
}

float run_int8(uint64_t rounds) {
  return run_chains(DI(), rounds, [](VI sum, VI x, VI w) HWY_ATTR {
    return backend::HWY_NAMESPACE::dot_quads<false>(DI(), sum, w, x);
  });
}
float run_int16(uint64_t rounds) { return run_chains(DI(), rounds, add_int16); }
float run_float(uint64_t rounds) {
  using V = hn::Vec<DF>;
  return run_chains(DF(), rounds, [](V sum, V x, V w) HWY_ATTR { return hn::MulAdd(x, w, sum); });
}

uint64_t run_dot(Dot dot, uint64_t rounds, float& sink) {
  const uint64_t lanes = rounds * kChains * hn::Lanes(DF());
  switch (dot) {
    case Dot::kInt8:
      sink = run_int8(rounds);
      return lanes * 4;
    case Dot::kInt16:
      sink = run_int16(rounds);
      return lanes * 2;
    case Dot::kFloat:
      sink = run_float(rounds);
      return lanes;
  }
  return 0;
}

const char* instruction_set() { return hwy::TargetName(HWY_TARGET); }

}  // namespace weft::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::bench {

HWY_EXPORT(read_words);
HWY_EXPORT(run_dot);
HWY_EXPORT(instruction_set);

uint64_t run_dot(Dot dot, uint64_t rounds, float& sink) {
  return HWY_DYNAMIC_DISPATCH(run_dot)(dot, rounds, sink);
}

uint32_t read_all(std::span<const std::byte> bytes) {
  return HWY_DYNAMIC_DISPATCH(read_words)(reinterpret_cast<const uint32_t*>(bytes.data()),
                                          bytes.size() / sizeof(uint32_t));
}

const char* instruction_set() { return HWY_DYNAMIC_DISPATCH(instruction_set)(); }

}  // namespace weft::bench
#endif  // HWY_ONCE
