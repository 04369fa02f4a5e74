#include "backend/cpu/delta_ops.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/delta_ops.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
constexpr size_t kLanes = hn::MaxLanes(D());

// Calls body(tag, i) for whole vectors of [0, n), then for its last values one by one.
template <class Body>
HWY_INLINE void for_vectors(size_t n, const Body& body) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(D(), i);
  for (; i < n; ++i) body(hn::CappedTag<float, 1>(), i);
}

template <class Tag>
HWY_INLINE hn::Vec<Tag> sigmoid(Tag d, hn::Vec<Tag> x) {
  // exp(88) is finite; beyond, the result is nothing but rounding.
  const auto exponent = hn::Min(hn::Neg(x), hn::Set(d, 88.0F));
  const auto one = hn::Set(d, 1.0F);
  return hn::Div(one, hn::Add(one, hn::Exp(d, exponent)));
}

void convolve(const float* const* inputs, size_t taps, const float* weights, size_t n, float* out) {
  for_vectors(n, [&](auto d, size_t i) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (size_t tap = 0; tap < taps; ++tap) {
      sum = hn::MulAdd(hn::LoadU(d, weights + tap * n + i), hn::LoadU(d, inputs[tap] + i), sum);
    }
    hn::StoreU(hn::Mul(sum, sigmoid(d, sum)), d, out + i);
  });
}

void multiply_by_sigmoid(float* x, const float* gate, size_t n) {
  for_vectors(n, [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), sigmoid(d, hn::LoadU(d, gate + i))), d, x + i);
  });
}

// Calls add(i, part) for all i < n, in an order that lets sums in four parts stay in registers: an
// addition need not wait for the one before it.
template <class Add>
HWY_INLINE void for_parts(size_t n, const Add& add) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    add(i, std::integral_constant<size_t, 0>());
    add(i + 1, std::integral_constant<size_t, 1>());
    add(i + 2, std::integral_constant<size_t, 2>());
    add(i + 3, std::integral_constant<size_t, 3>());
  }
  for (; i < n; ++i) add(i, std::integral_constant<size_t, 0>());
}

// One row for the columns [j, j + lanes of d).
template <class Tag>
HWY_INLINE void update_columns(Tag d, float* matrix, size_t v_dim, const DeltaRow& row, size_t j) {
  const size_t n = row.k.size();
  const float* k = row.k.data();
  const float* q = row.q.data();
  hn::Vec<Tag> known[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  for_parts(n, [&](size_t i, auto part) HWY_ATTR {
    known[part] = hn::MulAdd(hn::LoadU(d, matrix + i * v_dim + j), hn::Set(d, k[i]), known[part]);
  });
  const auto decay = hn::Set(d, row.decay);
  const auto sum = hn::Add(hn::Add(known[0], known[1]), hn::Add(known[2], known[3]));
  const auto change =
      hn::Mul(hn::Set(d, row.beta), hn::Sub(hn::LoadU(d, row.v.data() + j), hn::Mul(sum, decay)));
  hn::Vec<Tag> read[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  for_parts(n, [&](size_t i, auto part) HWY_ATTR {
    const auto old = hn::Mul(hn::LoadU(d, matrix + i * v_dim + j), decay);
    const auto updated = hn::MulAdd(hn::Set(d, k[i]), change, old);
    hn::StoreU(updated, d, matrix + i * v_dim + j);
    read[part] = hn::MulAdd(updated, hn::Set(d, q[i]), read[part]);
  });
  hn::StoreU(hn::Add(hn::Add(read[0], read[1]), hn::Add(read[2], read[3])), d, row.out.data() + j);
}

void delta_rule(float* matrix, size_t v_dim, const DeltaRow* rows, size_t n_rows) {
  for_vectors(v_dim, [&](auto d, size_t j) HWY_ATTR {
    for (size_t row = 0; row < n_rows; ++row) update_columns(d, matrix, v_dim, rows[row], j);
  });
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {

HWY_EXPORT(convolve);
HWY_EXPORT(multiply_by_sigmoid);
HWY_EXPORT(delta_rule);

void convolve(std::span<const float* const> inputs, std::span<const float> weights,
              std::span<float> out) {
  CHECK(weights.size() == inputs.size() * out.size());
  HWY_DYNAMIC_DISPATCH(convolve)
  (inputs.data(), inputs.size(), weights.data(), out.size(), out.data());
}

void scale_to_length(std::span<float> x, uint32_t dim, float scale) {
  for (size_t first = 0; first < x.size(); first += dim) {
    const std::span part = x.subspan(first, dim);
    float squares = 1e-6F;
    for (const float value : part) squares += value * value;
    const float factor = scale / std::sqrt(squares);
    for (float& value : part) value *= factor;
  }
}

void delta_rule(std::span<float> matrix, std::span<const DeltaRow> rows) {
  if (rows.empty()) return;
  const size_t v_dim = rows[0].v.size();
  CHECK(matrix.size() == rows[0].k.size() * v_dim);
  HWY_DYNAMIC_DISPATCH(delta_rule)(matrix.data(), v_dim, rows.data(), rows.size());
}

void multiply_by_sigmoid(std::span<float> x, std::span<const float> gate) {
  CHECK(x.size() == gate.size());
  HWY_DYNAMIC_DISPATCH(multiply_by_sigmoid)(x.data(), gate.data(), x.size());
}

}  // namespace weft::backend
#endif  // HWY_ONCE
