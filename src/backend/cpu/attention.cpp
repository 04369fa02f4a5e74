#include "backend/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "backend/cpu/attention_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft::backend::HWY_NAMESPACE {

// Calls body<kQueries>(n) for queries n to n + kQueries - 1, until all n_queries have been, with at
// most kMost at once.
template <size_t kMost, class Body>
HWY_INLINE void for_queries(size_t n_queries, const Body& body) {
  size_t n = 0;
  const auto call = [&]<size_t kQueries>() HWY_ATTR {
    if constexpr (kQueries <= kMost) {
      for (; n + kQueries <= n_queries; n += kQueries) body.template operator()<kQueries>(n);
    }
  };
  call.template operator()<8>();
  call.template operator()<4>();
  call.template operator()<3>();
  call.template operator()<2>();
  call.template operator()<1>();
}

// Of what is asked for while block b is read, by the first queries alone: others would ask again.
HWY_INLINE LinesAhead lines_ahead(const ChunkBlocks& chunk, size_t b, size_t query, size_t asked) {
  const size_t bytes = chunk.shape.key_bytes() + chunk.shape.value_bytes();
  return {query == 0 ? chunk.ahead[b] : chunk.keys[b], bytes, asked};
}

void score(const ChunkBlocks& chunk, AttentionQuery* queries, size_t n_queries) {
  constexpr bool kManyRegisters = kLanes == 16;
  for (size_t b = 0; b < chunk.count; ++b) {
    const size_t at = b * kBlockTokens;
    if (chunk.shape.types.keys == KvType::kF16) {
      for_queries<kManyRegisters ? 8 : 2>(n_queries, [&]<size_t kQueries>(size_t n) HWY_ATTR {
        score_halves<kQueries>(chunk.keys[b], chunk.shape, at, lines_ahead(chunk, b, n, 0),
                               queries + n);
      });
    } else {
      for_queries<kManyRegisters ? 4 : 2>(n_queries, [&]<size_t kQueries>(size_t n) HWY_ATTR {
        score_q8<kQueries>(chunk.keys[b], chunk.shape, at, lines_ahead(chunk, b, n, 0),
                           queries + n);
      });
    }
  }
}

// Lanes [t, t + kLanes) of the chunk's tokens that the query may see.
HWY_INLINE auto visible_lanes(const AttentionQuery& query, size_t t) {
  const auto before_end = hn::FirstN(DF(), query.tokens > t ? query.tokens - t : 0);
  const auto before_first = hn::FirstN(DF(), query.first > t ? query.first - t : 0);
  return hn::AndNot(before_first, before_end);
}

void cap_scores(AttentionQuery& query, size_t tokens) {
  const VF cap = hn::Set(DF(), query.softcap);
  for (size_t t = 0; t < tokens; t += kLanes) {
    const VF score = hn::Div(hn::Load(DF(), query.p + t), cap);
    hn::Store(hn::Mul(cap, hn::Tanh(DF(), score)), DF(), query.p + t);
  }
}

// Turns scores into exp(score - largest), zero for what it may not see, and begins its sum.
void soften(AttentionQuery& query, size_t tokens, size_t padded_dim) {
  const DF d;
  const VF lowest = hn::Set(d, std::numeric_limits<float>::lowest());
  VF largest = lowest;
  for (size_t t = 0; t < tokens; t += kLanes) {
    const auto visible = visible_lanes(query, t);
    largest = hn::Max(largest, hn::IfThenElse(visible, hn::Load(d, query.p + t), lowest));
  }
  largest = hn::MaxOfLanes(d, largest);
  VF weight = hn::Zero(d);
  for (size_t t = 0; t < tokens; t += kLanes) {
    const VF p = hn::Exp(d, hn::Sub(hn::Load(d, query.p + t), largest));
    const VF masked = hn::IfThenElseZero(visible_lanes(query, t), p);
    hn::Store(masked, d, query.p + t);
    weight = hn::Add(weight, masked);
  }
  query.sum->largest = hn::GetLane(largest);
  query.sum->weight = hn::GetLane(hn::SumOfLanes(d, weight));
  for (size_t i = 0; i < padded_dim; i += kLanes) {
    hn::Store(hn::Zero(d), d, query.sum->values + i);
  }
}

template <class Values>
void weigh_block(const ChunkBlocks& chunk, size_t b, AttentionQuery* queries, size_t n_queries) {
  const std::byte* const data = chunk.keys[b] + chunk.shape.key_bytes();
  const auto at = static_cast<uint32_t>(b * kBlockTokens);
  for_queries<kLanes == 16 ? 8 : 2>(n_queries, [&]<size_t kQueries>(size_t n) HWY_ATTR {
    LinesAhead ahead = lines_ahead(chunk, b, n, chunk.shape.key_bytes() / 64);
    const auto end_of = [&](size_t i) {  // in this block
      return std::clamp(queries[n + i].tokens, at, at + kBlockTokens) - at;
    };
    uint32_t common = kBlockTokens;
    for (size_t i = 0; i < kQueries; ++i) common = std::min(common, end_of(i));
    weigh<kQueries, Values>(data, chunk.shape, at, 0, common, ahead, queries + n);
    for (size_t i = 0; i < kQueries; ++i) {
      if (end_of(i) == common) continue;
      weigh<1, Values>(data, chunk.shape, at, common, end_of(i), ahead, queries + n + i);
    }
  });
}

void attend_chunk(const ChunkBlocks& chunk, AttentionQuery* queries, size_t n_queries) {
  score(chunk, queries, n_queries);
  const size_t tokens = size_t{chunk.count} * kBlockTokens;
  for (size_t n = 0; n < n_queries; ++n) {
    if (queries[n].softcap != 0) cap_scores(queries[n], tokens);
    soften(queries[n], tokens, chunk.shape.padded_dim());
  }
  for (size_t b = 0; b < chunk.count; ++b) {
    if (chunk.shape.types.values == KvType::kF16) {
      weigh_block<HalfValues>(chunk, b, queries, n_queries);
    } else {
      weigh_block<Q8GroupValues>(chunk, b, queries, n_queries);
    }
  }
}

// to += from, [padded_dim]
void add(const WeightedSum& from, size_t padded_dim, WeightedSum& to) {
  const DF d;
  const float largest = std::max(from.largest, to.largest);
  const VF from_factor = hn::Exp(d, hn::Set(d, from.largest - largest));
  const VF to_factor = hn::Exp(d, hn::Set(d, to.largest - largest));
  to.largest = largest;
  to.weight = to.weight * hn::GetLane(to_factor) + from.weight * hn::GetLane(from_factor);
  for (size_t i = 0; i < padded_dim; i += kLanes) {
    const VF part = hn::Mul(hn::Load(d, from.values + i), from_factor);
    hn::Store(hn::MulAdd(hn::Load(d, to.values + i), to_factor, part), d, to.values + i);
  }
}

}  // namespace weft::backend::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::backend {

HWY_EXPORT(attend_chunk);
HWY_EXPORT(add);

WeightedSums::WeightedSums(size_t count, uint32_t padded_dim)
    : sums_(count), values_(count * padded_dim) {
  for (size_t i = 0; i < count; ++i) sums_.data()[i].values = values_.data() + i * padded_dim;
}

AttentionScratch::AttentionScratch(uint32_t max_heads, const KvShape& widest)
    : queries(size_t{max_heads} * kAttentionRows),
      q(max_heads * kAttentionRows, round_up(widest.head_dim, kQ8Columns)),
      quants(size_t{max_heads} * kAttentionRows * widest.q8_groups()),
      of_chunk(size_t{max_heads} * kAttentionRows, widest.padded_dim()),
      of_all(size_t{max_heads} * kAttentionRows, widest.padded_dim()) {}

uint64_t AttentionScratch::size_bytes() const {
  return queries.size_bytes() + q.size_bytes() + quants.size_bytes() + of_chunk.size_bytes() +
         of_all.size_bytes();
}

namespace {

uint32_t first_block(const AttentionPiece& piece) {
  return (piece.item->first_chunk() + piece.chunk) * kChunkBlocks;
}

const std::byte* keys_of(const AttentionItem& item, uint32_t block) {
  return item.cache->keys(item.blocks[block], item.kv_head);
}

// Adds up the sums of an item's chunks, from the first to the last.
class Total {
 public:
  Total(const AttentionItem& item, const AttentionScratch& scratch)
      : item_(item), sums_(scratch.of_all.all().first(item.queries())) {
    for (WeightedSum& sum : sums_) {
      sum.largest = std::numeric_limits<float>::lowest();
      sum.weight = 0;
      std::fill_n(sum.values, item.cache->shape().padded_dim(), 0.0F);
    }
  }

  void add(std::span<const WeightedSum> of_chunk) {
    const auto add_one = HWY_DYNAMIC_DISPATCH(add);
    for (size_t n = 0; n < sums_.size(); ++n) {
      add_one(of_chunk[n], item_.cache->shape().padded_dim(), sums_[n]);
    }
  }

  void write() const {
    const uint32_t dim = item_.cache->shape().head_dim;
    for (uint32_t n = 0; n < sums_.size(); ++n) {
      float* const out = item_.out + n / item_.heads * item_.stride + n % item_.heads * dim;
      const auto [share, weight] = with_sink(sums_[n], n % item_.heads);
      for (uint32_t i = 0; i < dim; ++i) out[i] = sums_[n].values[i] * share / weight;
    }
  }

 private:
  // What a head's values are multiplied with and divided by.
  struct End {
    float share, weight;
  };
  [[nodiscard]] End with_sink(const WeightedSum& sum, uint32_t head) const {
    if (item_.sinks == nullptr) return {.share = 1, .weight = sum.weight};
    const float most = std::max(sum.largest, item_.sinks[head]);
    const float share = std::exp(sum.largest - most);
    return {.share = share, .weight = sum.weight * share + std::exp(item_.sinks[head] - most)};
  }

  const AttentionItem& item_;
  std::span<WeightedSum> sums_;
};

}  // namespace

void ready_queries(const AttentionItem& item, const AttentionScratch& scratch) {
  const KvShape& shape = item.cache->shape();
  CHECK(item.pos % kAttentionRows + item.rows <= kAttentionRows);
  CHECK(item.pos / kBlockTokens < item.blocks.size());
  CHECK(item.queries() <= scratch.queries.values().size());
  for (uint32_t n = 0; n < item.queries(); ++n) {
    const float* q = item.q + n / item.heads * item.stride + n % item.heads * shape.head_dim;
    const std::span scaled = scratch.q.rows(round_up(shape.head_dim, kQ8Columns)).values(n);
    const float scale = item.spec->scale_at(item.pos + n / item.heads);
    for (uint32_t i = 0; i < shape.head_dim; ++i) scaled[i] = q[i] * scale;
    AttentionQuery& query = scratch.queries.data()[n];
    query.q = scaled.data();
    query.quants = scratch.quants.data() + n * shape.q8_groups();
    query.softcap = item.spec->softcap;
    if (shape.types.keys == KvType::kF16) continue;
    std::ranges::fill(scaled.subspan(shape.head_dim), 0.0F);
    quantize_row(scaled, query.quants, 1);
  }
}

void attend(const AttentionItem& item, const AttentionScratch& scratch) {
  ready_queries(item, scratch);
  Total total(item, scratch);
  const std::span of_chunk = scratch.of_chunk.all().first(item.queries());
  for (uint32_t chunk = 0; chunk < item.chunks(); ++chunk) {
    std::optional<AttentionPiece> next;
    if (chunk + 1 < item.chunks()) next = {&item, chunk + 1};
    attend_piece({&item, chunk}, next, scratch, of_chunk);
    total.add(of_chunk);
  }
  total.write();
}

void attend_piece(const AttentionPiece& piece, const std::optional<AttentionPiece>& next,
                  const AttentionScratch& scratch, std::span<WeightedSum> sums) {
  const AttentionItem& item = *piece.item;
  const uint32_t first_token = first_block(piece) * kBlockTokens;
  const uint32_t end_block = item.pos / kBlockTokens + 1;
  ChunkBlocks blocks{.shape = item.cache->shape(),
                     .count = std::min(kChunkBlocks, end_block - first_block(piece))};
  const uint32_t next_blocks = next ? next->item->pos / kBlockTokens + 1 - first_block(*next) : 0;
  for (uint32_t b = 0; b < blocks.count; ++b) {
    blocks.keys[b] = keys_of(item, first_block(piece) + b);
    blocks.ahead[b] =
        b < next_blocks ? keys_of(*next->item, first_block(*next) + b) : blocks.keys[b];
  }
  for (uint32_t n = 0; n < item.queries(); ++n) {
    const uint32_t pos = item.pos + n / item.heads;
    AttentionQuery& query = scratch.queries.data()[n];
    query.first = std::clamp(item.spec->first_seen(pos), first_token, first_token + kChunkTokens) -
                  first_token;
    query.tokens = std::min(pos + 1 - first_token, kChunkTokens);
    query.sum = &sums[n];
  }
  HWY_DYNAMIC_DISPATCH(attend_chunk)(blocks, scratch.queries.data(), item.queries());
}

void join_chunks(const AttentionItem& item, std::span<const WeightedSum> sums,
                 const AttentionScratch& scratch) {
  Total total(item, scratch);
  for (uint32_t chunk = 0; chunk < item.chunks(); ++chunk) {
    total.add(sums.subspan(size_t{chunk} * item.queries(), item.queries()));
  }
  total.write();
}

}  // namespace weft::backend
#endif  // HWY_ONCE
