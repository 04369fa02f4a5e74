#include "backend/cpu/row_ops.h"

#include <cmath>

#include "base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/row_ops.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr size_t kLanes = hn::MaxLanes(D());

// Calls body(tag, i) for whole vectors of [0, n), then for its last values one by one.
template <class Body>
HWY_INLINE void for_vectors(size_t n, const Body& body) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(D(), i);
  for (; i < n; ++i) body(hn::CappedTag<float, 1>(), i);
}

float sum_of_squares(const float* x, size_t n) {
  V sum = hn::Zero(D());
  float rest = 0;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const V v = hn::LoadU(D(), x + i);
    sum = hn::MulAdd(v, v, sum);
  }
  for (; i < n; ++i) rest += x[i] * x[i];
  return hn::GetLane(hn::SumOfLanes(D(), sum)) + rest;
}

void scale_by(const float* x, const float* weight, float factor, size_t n, float* out) {
  for_vectors(n, [&](auto d, size_t i) HWY_ATTR {
    const auto scaled = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, factor));
    hn::StoreU(hn::Mul(scaled, hn::LoadU(d, weight + i)), d, out + i);
  });
}

void swiglu(float* gate, const float* up, size_t n) {
  for_vectors(n, [&](auto d, size_t i) HWY_ATTR {
    const auto x = hn::LoadU(d, gate + i);
    // exp(88) is finite; beyond, silu(x) is nothing but rounding.
    const auto exponent = hn::Min(hn::Neg(x), hn::Set(d, 88.0F));
    const auto silu = hn::Div(x, hn::Add(hn::Set(d, 1.0F), hn::Exp(d, exponent)));
    hn::StoreU(hn::Mul(silu, hn::LoadU(d, up + i)), d, gate + i);
  });
}

// Pairs (head[i], head[n + i]).
void rotate_halves(float* head, const float* cos, const float* sin, size_t n) {
  for_vectors(n, [&](auto d, size_t i) HWY_ATTR {
    const auto a = hn::LoadU(d, head + i);
    const auto b = hn::LoadU(d, head + n + i);
    const auto c = hn::LoadU(d, cos + i);
    const auto s = hn::LoadU(d, sin + i);
    hn::StoreU(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), d, head + i);
    hn::StoreU(hn::Add(hn::Mul(a, s), hn::Mul(b, c)), d, head + n + i);
  });
}

// Pairs (head[2 i], head[2 i + 1]).
void rotate_neighbours(float* head, const float* cos, const float* sin, size_t n) {
  for_vectors(n, [&](auto d, size_t i) HWY_ATTR {
    hn::Vec<decltype(d)> a, b;
    hn::LoadInterleaved2(d, head + 2 * i, a, b);
    const auto c = hn::LoadU(d, cos + i);
    const auto s = hn::LoadU(d, sin + i);
    hn::StoreInterleaved2(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)),
                          hn::Add(hn::Mul(a, s), hn::Mul(b, c)), d, head + 2 * i);
  });
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {

HWY_EXPORT(sum_of_squares);
HWY_EXPORT(scale_by);
HWY_EXPORT(swiglu);
HWY_EXPORT(rotate_halves);
HWY_EXPORT(rotate_neighbours);

void rms_norm(std::span<const float> x, std::span<const float> weight, float eps,
              std::span<float> out) {
  CHECK(x.size() == weight.size() && x.size() == out.size());
  const float squares = HWY_DYNAMIC_DISPATCH(sum_of_squares)(x.data(), x.size());
  const float factor = 1.0F / std::sqrt(squares / static_cast<float>(x.size()) + eps);
  HWY_DYNAMIC_DISPATCH(scale_by)(x.data(), weight.data(), factor, x.size(), out.data());
}

void swiglu(std::span<float> gate, std::span<const float> up) {
  CHECK(gate.size() == up.size());
  HWY_DYNAMIC_DISPATCH(swiglu)(gate.data(), up.data(), gate.size());
}

void fill_rotation(const model::Rope& rope, uint32_t pos, const RotationRow& out) {
  for (size_t i = 0; i < rope.inv_freq.size(); ++i) {
    const double angle = static_cast<double>(pos) * static_cast<double>(rope.inv_freq[i]);
    const auto magnitude = static_cast<double>(rope.magnitude);
    out.cos[i] = static_cast<float>(magnitude * std::cos(angle));
    out.sin[i] = static_cast<float>(magnitude * std::sin(angle));
  }
}

void rotate(std::span<float> heads, uint32_t head_dim, model::RopePairs pairs,
            const RotationRow& rotation) {
  const auto rotate_one = pairs == model::RopePairs::kAdjacent
                              ? HWY_DYNAMIC_DISPATCH(rotate_neighbours)
                              : HWY_DYNAMIC_DISPATCH(rotate_halves);
  for (size_t head = 0; head < heads.size(); head += head_dim) {
    rotate_one(&heads[head], rotation.cos.data(), rotation.sin.data(), rotation.cos.size());
  }
}

}  // namespace weft::backend
#endif  // HWY_ONCE
