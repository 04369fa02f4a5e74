// The one integer operation that products of quantised weights are made of.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_DOT_QUADS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_DOT_QUADS_INL_H_
#undef WEFT_BACKEND_CPU_DOT_QUADS_INL_H_
#else
#define WEFT_BACKEND_CPU_DOT_QUADS_INL_H_
#endif

#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Byte kByte of each lane: unsigned of `weights` times signed of `x`.
template <int kByte, class D, class V = hn::Vec<D>>
HWY_INLINE V product_of_byte(D d, V weights, V x) {
  const hn::RebindToUnsigned<D> du;
  const auto weight =
      hn::And(hn::ShiftRight<8 * kByte>(hn::BitCast(du, weights)), hn::Set(du, 0xff));
  return hn::Mul(hn::BitCast(d, weight), hn::ShiftRight<24>(hn::ShiftLeft<24 - 8 * kByte>(x)));
}

// dot_quads for any instruction set.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V dot_quads_portable(D d, V sums, V weights, V x) {
  const V first = hn::Add(product_of_byte<0>(d, weights, x), product_of_byte<1>(d, weights, x));
  const V last = hn::Add(product_of_byte<2>(d, weights, x), product_of_byte<3>(d, weights, x));
  return hn::Add(sums, hn::Add(first, last));
}

#if HWY_ARCH_X86 && HWY_TARGET != HWY_AVX3_DL
#if HWY_MAX_BYTES == 64
#define WEFT_MM(name) _mm512_##name
#elif HWY_MAX_BYTES == 32
#define WEFT_MM(name) _mm256_##name
#else
#define WEFT_MM(name) _mm_##name
#endif

// Sums of two neighbouring products, as 32 bits from 16 x 16 and as 16 bits from u8 x i8.
template <class D, class V16, class V = hn::Vec<D>>
HWY_INLINE V multiply_pairs(D /*i32*/, V16 a, V16 b) {
  return V{WEFT_MM(madd_epi16)(a.raw, b.raw)};
}
template <class D16, class V, class V16 = hn::Vec<D16>>
HWY_INLINE V16 multiply_byte_pairs(D16 /*i16*/, V a, V b) {
  return V16{WEFT_MM(maddubs_epi16)(a.raw, b.raw)};
}
#undef WEFT_MM
#endif

// sums[lane] + the sum over k < 4 of weights[lane].byte[k] * x[lane].byte[k]. Bytes of `weights`
// are unsigned, below 128 unless kFullBytes; bytes of `x` are signed, above -128. Exact.
template <bool kFullBytes, class D, class V = hn::Vec<D>>
HWY_INLINE V dot_quads([[maybe_unused]] D d, V sums, V weights, V x) {
#if HWY_TARGET == HWY_AVX3_DL
  // As text, because Highway's name for this target leaves out the compiler's flag for it.
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sums.raw) : "v"(weights.raw), "v"(x.raw));
  return sums;
#elif HWY_ARCH_X86
  const hn::Repartition<int16_t, D> d16;
  if constexpr (kFullBytes) {
    const auto w16 = hn::BitCast(d16, weights);
    const auto x16 = hn::BitCast(d16, x);
    const auto even_w = hn::And(w16, hn::Set(d16, 0xff));
    const auto odd_w = hn::And(hn::ShiftRight<8>(w16), hn::Set(d16, 0xff));
    const auto even_x = hn::ShiftRight<8>(hn::ShiftLeft<8>(x16));
    const auto odd_x = hn::ShiftRight<8>(x16);
    return hn::Add(sums,
                   hn::Add(multiply_pairs(d, even_w, even_x), multiply_pairs(d, odd_w, odd_x)));
  } else {  // two products fit 16 bits
    const auto pairs = multiply_byte_pairs(d16, weights, x);
    return hn::Add(sums, multiply_pairs(d, pairs, hn::Set(d16, 1)));
  }
#else
  return dot_quads_portable(d, sums, weights, x);
#endif
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
