// Scores of a block's keys and weighted sums of its values; attention.cpp includes it.
// Included once for each instruction set.

#if defined(WEFT_BACKEND_CPU_ATTENTION_KERNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_BACKEND_CPU_ATTENTION_KERNELS_INL_H_
#undef WEFT_BACKEND_CPU_ATTENTION_KERNELS_INL_H_
#else
#define WEFT_BACKEND_CPU_ATTENTION_KERNELS_INL_H_
#endif

#include <cstring>

#include "backend/cpu/attention.h"
#include "backend/cpu/dot_quads-inl.h"
#include "backend/cpu/product_groups-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

constexpr size_t kTokenVectors = kBlockTokens / kLanes;  // of one query's scores of a block

// A head's part of a block that comes later, asked for line after line: of its first and its second
// half in turn, as a processor runs further ahead of two pages than of one.
class LinesAhead {
 public:
  // [data, data + bytes), after the first `asked` lines; of a part that does not come, none.
  HWY_INLINE LinesAhead(const std::byte* data, size_t bytes, size_t asked)
      : next_(data + asked / 2 * kLine), other_(next_ + bytes / 2) {}

  HWY_INLINE void ask() {
    __builtin_prefetch(next_, 0, 2);
    const std::byte* const asked = next_;
    next_ = other_;
    other_ = asked + kLine;
  }

 private:
  static constexpr size_t kLine = 64;
  const std::byte* next_;
  const std::byte* other_;
};

HWY_INLINE VF load_loose_halves(const uint16_t* halves) {
  const hn::Rebind<uint16_t, DF> du16;
  const hn::Rebind<hwy::float16_t, DF> df16;
  return hn::PromoteTo(DF(), hn::BitCast(df16, hn::LoadU(du16, halves)));
}

// p[at + t] = q . key t of the block, for kQueries queries.
template <size_t kQueries>
HWY_INLINE void score_halves(const std::byte* keys, const KvShape& shape, size_t at,
                             LinesAhead ahead, AttentionQuery* queries) {
  const DF d;
  const auto* key = reinterpret_cast<const uint16_t*>(keys);
  VF sums[kQueries][kTokenVectors];
  for (auto& row : sums) {
    for (VF& sum : row) sum = hn::Zero(d);
  }
  for (size_t i = 0; i < shape.head_dim; ++i, key += kBlockTokens) {
    ahead.ask();
    for (size_t v = 0; v < kTokenVectors; ++v) {
      const VF values = load_halves(key + v * kLanes);
      for (size_t n = 0; n < kQueries; ++n) {
        sums[n][v] = hn::MulAdd(hn::Set(d, queries[n].q[i]), values, sums[n][v]);
      }
    }
  }
  for (size_t n = 0; n < kQueries; ++n) {
    for (size_t v = 0; v < kTokenVectors; ++v) {
      hn::Store(sums[n][v], d, queries[n].p + at + v * kLanes);
    }
  }
}

// The same: exact sums of products inside a group of columns, times both scales.
template <size_t kQueries>
HWY_INLINE void score_q8(const std::byte* keys, const KvShape& shape, size_t at, LinesAhead ahead,
                         AttentionQuery* queries) {
  using Reader = GroupScales<Q8Keys>::Reader;
  const auto* group = reinterpret_cast<const Q8Keys*>(keys);
  for (size_t n = 0; n < kQueries; ++n) {
    for (size_t t = 0; t < kBlockTokens; t += kLanes) {
      hn::Store(hn::Zero(DF()), DF(), queries[n].p + at + t);
    }
  }
  for (size_t g = 0; g < shape.q8_groups(); ++g, ++group) {
    ahead.ask();
    for (size_t token = 0; token < kBlockTokens; token += kVectors * kLanes) {
      VI high[kQueries][kVectors], low[kQueries][kVectors];
      for (size_t n = 0; n < kQueries; ++n) {
        for (size_t v = 0; v < kVectors; ++v) high[n][v] = low[n][v] = hn::Zero(DI());
      }
      for (size_t quad = 0; quad < kQ8Columns / 4; ++quad) {
        const uint32_t* const quants = group->quants[0].quads[quad] + token;
        ahead.ask();
        if constexpr (kVectors == 2) ahead.ask();
        VI key[kVectors];
        for (size_t v = 0; v < kVectors; ++v) {
          key[v] = hn::BitCast(DI(), load_bits(quants + v * kLanes));
        }
        for (size_t n = 0; n < kQueries; ++n) {
          const VI q_high = broadcast_quad(queries[n].quants[g].high + 4 * quad);
          const VI q_low = broadcast_quad(queries[n].quants[g].low + 4 * quad);
          for (size_t v = 0; v < kVectors; ++v) {
            high[n][v] = dot_quads<true>(DI(), high[n][v], key[v], q_high);
            low[n][v] = dot_quads<true>(DI(), low[n][v], key[v], q_low);
          }
        }
      }
      GroupScales<Q8Keys> scales;
      for (size_t v = 0; v < kVectors; ++v) {
        scales.scales[v][0] = Reader::scale(group->scales, 0, 0, token + v * kLanes);
      }
      for (size_t n = 0; n < kQueries; ++n) {
        for (size_t v = 0; v < kVectors; ++v) {
          const VI sum = hn::Add(hn::ShiftLeft<8>(high[n][v]), low[n][v]);
          accumulate(scales, 0, v, queries[n].quants[g], sum,
                     queries[n].p + at + token + v * kLanes);
        }
      }
    }
  }
}

// Values of a block as a weighted sum wants them: columns [i, i + ...) of token t times the token's
// weights.
struct HalfValues {
  static constexpr size_t kTokensOfLine = 1;  // 32 columns of so many tokens are 64 bytes
  const uint16_t* values;                     // [kBlockTokens, dim]
  size_t dim;

  HWY_INLINE HalfValues(const std::byte* data, const KvShape& shape)
      : values(reinterpret_cast<const uint16_t*>(data)), dim(shape.padded_dim()) {}
  // Weights are p as it stands.
  HWY_INLINE const float* weights(size_t /*i*/, const float* p, float* /*memory*/) const {
    return p;
  }
  HWY_INLINE const uint16_t* at(size_t t, size_t i) const { return values + t * dim + i; }
  HWY_INLINE VF load(size_t t, size_t i) const { return load_loose_halves(at(t, i)); }
};

struct Q8GroupValues {
  static constexpr size_t kTokensOfLine = 2;
  const Q8Values* groups;

  HWY_INLINE Q8GroupValues(const std::byte* data, const KvShape& /*shape*/)
      : groups(reinterpret_cast<const Q8Values*>(data)) {}
  // Each p times the token's scale.
  HWY_INLINE const float* weights(size_t i, const float* p, float* memory) const {
    const Q8Values& group = groups[i / kQ8Columns];
    for (size_t t = 0; t < kBlockTokens; t += kLanes) {
      const VF scaled = hn::Mul(hn::Load(DF(), p + t), load_halves(group.d + t));
      hn::Store(scaled, DF(), memory + t);
    }
    return memory;
  }
  HWY_INLINE const int8_t* at(size_t t, size_t i) const {
    return groups[i / kQ8Columns].quants[t] + i % kQ8Columns;
  }
  HWY_INLINE VF load(size_t t, size_t i) const { return load_bytes(at(t, i)); }
};

// sum[i] += p[at + t] * value[t][i] for t in [first, end) of the block, one after the other, for
// kVectors vectors of columns from i on.
template <size_t kQueries, size_t kColumnVectors, class Values>
HWY_INLINE void weigh_columns(const Values& values, LinesAhead& ahead, size_t i, size_t at,
                              size_t first, size_t end, AttentionQuery* queries) {
  const DF d;
  alignas(64) float memory[kQueries][kBlockTokens];
  const float* weights[kQueries];
  VF sums[kQueries][kColumnVectors];
  for (size_t n = 0; n < kQueries; ++n) {
    weights[n] = values.weights(i, queries[n].p + at, memory[n]);
    for (size_t v = 0; v < kColumnVectors; ++v) {
      sums[n][v] = hn::Load(d, queries[n].sum->values + i + v * kLanes);
    }
  }
  for (size_t t = first; t < end; ++t) {
    if (t % Values::kTokensOfLine == 0) ahead.ask();
    for (size_t v = 0; v < kColumnVectors; ++v) {
      const VF value = values.load(t, i + v * kLanes);
      for (size_t n = 0; n < kQueries; ++n) {
        sums[n][v] = hn::MulAdd(hn::Set(d, weights[n][t]), value, sums[n][v]);
      }
    }
  }
  for (size_t n = 0; n < kQueries; ++n) {
    for (size_t v = 0; v < kColumnVectors; ++v) {
      hn::Store(sums[n][v], d, queries[n].sum->values + i + v * kLanes);
    }
  }
}

// For all columns: as many at once as keep the registers busy.
template <size_t kQueries, class Values>
HWY_INLINE void weigh(const std::byte* data, const KvShape& shape, size_t at, size_t first,
                      size_t end, LinesAhead& ahead, AttentionQuery* queries) {
  constexpr size_t kAtOnce = kLanes == 4 ? 16 : 32;
  const Values values(data, shape);
  size_t i = 0;
  for (; i + kAtOnce <= shape.padded_dim(); i += kAtOnce) {
    weigh_columns<kQueries, kAtOnce / kLanes>(values, ahead, i, at, first, end, queries);
  }
  for (; i < shape.padded_dim(); i += kHeadPadding) {
    weigh_columns<kQueries, kHeadPadding / kLanes>(values, ahead, i, at, first, end, queries);
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
