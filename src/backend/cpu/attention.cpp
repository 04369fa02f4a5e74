#include "backend/cpu/attention.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr size_t kLanes = hn::MaxLanes(D());
constexpr size_t kVectors = kBlockTokens / kLanes;  // of one query's scores
constexpr size_t kDimVectors = kHeadPadding / kLanes;

HWY_INLINE V load_halves(const uint16_t* halves) {
  const hn::Rebind<uint16_t, D> du16;
  const hn::Rebind<hwy::float16_t, D> d16;
  return hn::PromoteTo(D(), hn::BitCast(d16, hn::LoadU(du16, halves)));
}

// p = q . key for each token of the block.
template <size_t kQueries>
HWY_INLINE void score(const uint16_t* keys, size_t dim, AttentionQuery* queries) {
  const D d;
  V sums[kQueries][kVectors];
  for (size_t n = 0; n < kQueries; ++n) {
    for (size_t v = 0; v < kVectors; ++v) sums[n][v] = hn::Zero(d);
  }
  for (size_t i = 0; i < dim; ++i) {
    for (size_t v = 0; v < kVectors; ++v) {
      const V key = load_halves(keys + i * kBlockTokens + v * kLanes);
      for (size_t n = 0; n < kQueries; ++n) {
        sums[n][v] = hn::MulAdd(hn::Set(d, queries[n].q[i]), key, sums[n][v]);
      }
    }
  }
  for (size_t n = 0; n < kQueries; ++n) {
    for (size_t v = 0; v < kVectors; ++v) hn::Store(sums[n][v], d, queries[n].p + v * kLanes);
  }
}

// Lanes [t, t + kLanes) of the block's tokens that the query may see.
HWY_INLINE auto visible_lanes(const AttentionQuery& query, size_t t) {
  const D d;
  const auto before_end = hn::FirstN(d, query.tokens > t ? query.tokens - t : 0);
  const auto before_first = hn::FirstN(d, query.first > t ? query.first - t : 0);
  return hn::AndNot(before_first, before_end);
}

void cap_scores(AttentionQuery& query) {
  const D d;
  const V cap = hn::Set(d, query.softcap);
  for (size_t t = 0; t < kBlockTokens; t += kLanes) {
    const V score = hn::Div(hn::Load(d, query.p + t), cap);
    hn::Store(hn::Mul(cap, hn::Tanh(d, score)), d, query.p + t);
  }
}

// Turns scores into exp(score - largest), zero for what it may not see, and brings what was summed
// before to the new largest score.
HWY_INLINE void soften(AttentionQuery& query, size_t padded_dim) {
  const D d;
  const V lowest = hn::Set(d, std::numeric_limits<float>::lowest());
  V largest = hn::Set(d, query.largest);
  for (size_t t = 0; t < kBlockTokens; t += kLanes) {
    const auto visible = visible_lanes(query, t);
    largest = hn::Max(largest, hn::IfThenElse(visible, hn::Load(d, query.p + t), lowest));
  }
  largest = hn::MaxOfLanes(d, largest);
  const V correction = hn::Exp(d, hn::Sub(hn::Set(d, query.largest), largest));
  V weight = hn::Zero(d);
  for (size_t t = 0; t < kBlockTokens; t += kLanes) {
    const auto visible = visible_lanes(query, t);
    const V p = hn::Exp(d, hn::Sub(hn::Load(d, query.p + t), largest));
    const V masked = hn::IfThenElseZero(visible, p);
    hn::Store(masked, d, query.p + t);
    weight = hn::Add(weight, masked);
  }
  const float factor = hn::GetLane(correction);
  query.largest = hn::GetLane(largest);
  query.weight = query.weight * factor + hn::GetLane(hn::SumOfLanes(d, weight));
  for (size_t i = 0; i < padded_dim; i += kLanes) {
    hn::Store(hn::Mul(hn::Load(d, query.sum + i), correction), d, query.sum + i);
  }
}

// sum += p[t] * value[t] for t in [first, end), one after the other.
template <size_t kQueries>
HWY_INLINE void weigh(const uint16_t* values, size_t padded_dim, size_t first, size_t end,
                      AttentionQuery* queries) {
  const D d;
  for (size_t i = 0; i < padded_dim; i += kHeadPadding) {
    V sums[kQueries][kDimVectors];
    for (size_t n = 0; n < kQueries; ++n) {
      for (size_t v = 0; v < kDimVectors; ++v) {
        sums[n][v] = hn::Load(d, queries[n].sum + i + v * kLanes);
      }
    }
    for (size_t t = first; t < end; ++t) {
      for (size_t v = 0; v < kDimVectors; ++v) {
        const V value = load_halves(values + t * padded_dim + i + v * kLanes);
        for (size_t n = 0; n < kQueries; ++n) {
          sums[n][v] = hn::MulAdd(hn::Set(d, queries[n].p[t]), value, sums[n][v]);
        }
      }
    }
    for (size_t n = 0; n < kQueries; ++n) {
      for (size_t v = 0; v < kDimVectors; ++v) {
        hn::Store(sums[n][v], d, queries[n].sum + i + v * kLanes);
      }
    }
  }
}

// Asks for the block that comes next, a part at a time, while this one is worked on.
class Prefetch {
 public:
  HWY_INLINE explicit Prefetch(std::span<const uint16_t> block)
      : next_(block.data()), end_(block.data() + block.size()), part_(block.size() / 4) {}

  HWY_INLINE void part() {
    for (const uint16_t* end = std::min(next_ + part_, end_); next_ < end; next_ += 32) {
      __builtin_prefetch(next_, 0, 2);
    }
  }

 private:
  const uint16_t* next_;
  const uint16_t* end_;
  size_t part_;
};

// One block of keys and values for kQueries queries.
template <size_t kQueries>
HWY_INLINE void advance(const uint16_t* keys, const uint16_t* values, const KvShape& shape,
                        AttentionQuery* queries, Prefetch& prefetch) {
  prefetch.part();
  score<kQueries>(keys, shape.head_dim, queries);
  prefetch.part();
  uint32_t common = kBlockTokens;
  for (size_t n = 0; n < kQueries; ++n) {
    if (queries[n].softcap != 0) cap_scores(queries[n]);
    soften(queries[n], shape.padded_dim());
    common = std::min(common, queries[n].tokens);
  }
  prefetch.part();
  weigh<kQueries>(values, shape.padded_dim(), 0, common, queries);
  prefetch.part();
  for (size_t n = 0; n < kQueries; ++n) {
    if (queries[n].tokens == common) continue;
    weigh<1>(values, shape.padded_dim(), common, queries[n].tokens, queries + n);
  }
}

// As many queries at once as the registers hold.
void advance_all(const uint16_t* keys, const uint16_t* values, const KvShape& shape,
                 std::span<const uint16_t> next_block, AttentionQuery* queries, size_t n_queries) {
  Prefetch prefetch(next_block);
  size_t n = 0;
  const auto advance_by = [&]<size_t kQueries>() HWY_ATTR {
    for (; n + kQueries <= n_queries; n += kQueries) {
      advance<kQueries>(keys, values, shape, queries + n, prefetch);
    }
  };
  if constexpr (kLanes == 16) {
    advance_by.template operator()<8>();
    advance_by.template operator()<4>();
    advance_by.template operator()<3>();
  }
  advance_by.template operator()<2>();
  advance_by.template operator()<1>();
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {

HWY_EXPORT(advance_all);

AttentionScratch::AttentionScratch(uint32_t max_heads, const KvShape& shape)
    : queries(size_t{max_heads} * kAttentionRows),
      q(max_heads * kAttentionRows, shape.head_dim),
      sums(max_heads * kAttentionRows, shape.padded_dim()) {}

uint64_t AttentionScratch::size_bytes() const {
  return queries.size_bytes() + q.size_bytes() + sums.size_bytes();
}

void attend(const AttentionItem& item, const AttentionScratch& scratch) {
  const KvShape& shape = item.cache->shape();
  const uint32_t dim = shape.head_dim;
  const uint32_t n_queries = item.rows * item.heads;
  const uint32_t last_block = item.pos / kBlockTokens;
  CHECK(item.pos % kAttentionRows + item.rows <= kAttentionRows);
  CHECK(last_block < item.blocks.size() && n_queries <= scratch.queries.values().size());
  for (uint32_t n = 0; n < n_queries; ++n) {
    const float* q = item.q + n / item.heads * item.stride + n % item.heads * dim;
    const std::span scaled = scratch.q.rows(dim).values(n);
    for (uint32_t i = 0; i < dim; ++i) scaled[i] = q[i] * item.scale;
    const std::span sum = scratch.sums.rows(shape.padded_dim()).values(n);
    std::ranges::fill(sum, 0.0F);
    AttentionQuery& query = scratch.queries.data()[n];
    query.q = scaled.data();
    query.sum = sum.data();
    query.largest = std::numeric_limits<float>::lowest();
    query.weight = 0;
    query.softcap = item.softcap;
    query.first = 0;
    query.tokens = kBlockTokens;
  }
  const auto advance = HWY_DYNAMIC_DISPATCH(advance_all);
  const uint32_t hidden =
      item.window == 0 || item.pos < item.window ? 0 : item.pos + 1 - item.window;
  for (uint32_t b = hidden / kBlockTokens; b <= last_block; ++b) {
    for (uint32_t n = 0; n < n_queries; ++n) {
      AttentionQuery& query = scratch.queries.data()[n];
      const uint32_t pos = item.pos + n / item.heads;
      const uint32_t first = item.window == 0 || pos < item.window ? 0 : pos + 1 - item.window;
      query.first = std::clamp(first, b * kBlockTokens, (b + 1) * kBlockTokens) - b * kBlockTokens;
      if (b == last_block) query.tokens = pos % kBlockTokens + 1;
    }
    const uint32_t block = item.blocks[b];
    std::span<const uint16_t> next;
    if (b < last_block) next = item.cache->head(item.blocks[b + 1], item.kv_head);
    advance(item.cache->keys(block, item.kv_head), item.cache->values(block, item.kv_head), shape,
            next, scratch.queries.data(), n_queries);
  }
  for (uint32_t n = 0; n < n_queries; ++n) {
    const AttentionQuery& query = scratch.queries.data()[n];
    float* const out = item.out + n / item.heads * item.stride + n % item.heads * dim;
    for (uint32_t i = 0; i < dim; ++i) out[i] = query.sum[i] / query.weight;
  }
}

}  // namespace weft::backend
#endif  // HWY_ONCE
