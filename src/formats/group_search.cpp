#include "formats/group_search.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "formats/group_search.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace weft::formats::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kGroupLanes>;
using V = hn::Vec<D>;

// The nearest whole number within bounds.
struct Whole {
  V low, high;
  V operator()(V x) const { return hn::Round(hn::Min(hn::Max(x, low), high)); }
};

// The nearest of 16 levels: each middle between two that x passes adds a step.
struct Table {
  V low;
  V middles[15], steps[15];
  V operator()(V x) const {
    V out = low;
    for (int i = 0; i < 15; ++i) {
      out = hn::Add(out, hn::IfThenElseZero(hn::Gt(x, middles[i]), steps[i]));
    }
    return out;
  }
};

// Calls use(nearest) with the object that rounds to `levels`.
template <class Use>
void with_levels(const Levels& levels, const Use& use) {
  const D d;
  const V low = hn::Set(d, static_cast<float>(levels.low));
  if (levels.table == nullptr) {
    use(Whole{low, hn::Set(d, static_cast<float>(levels.high))});
    return;
  }
  Table table;
  table.low = low;
  for (int i = 0; i < 15; ++i) {
    const auto here = static_cast<float>(levels.table[i]);
    const auto next = static_cast<float>(levels.table[i + 1]);
    table.middles[i] = hn::Set(d, (here + next) / 2);
    table.steps[i] = hn::Set(d, next - here);
  }
  use(table);
}

// 0 also where the inverse would be no finite number.
V inverse_or_zero(V x) {
  const D d;
  constexpr float kLeast = 1.2e-38F;
  return hn::IfThenElseZero(hn::Ge(hn::Abs(x), hn::Set(d, kLeast)), hn::Div(hn::Set(d, 1.0F), x));
}

// The vectors of one lane range of a tile.
struct Slice {
  const GroupTile& tile;
  size_t lane;
  V x(size_t i) const { return hn::Load(D(), tile.x + i * kGroupLanes + lane); }
  V weight(size_t i) const { return hn::Load(D(), tile.weight + i * kGroupLanes + lane); }
};

template <class Use>
void for_each_slice(const GroupTile& tile, const Use& use) {
  for (size_t lane = 0; lane < kGroupLanes; lane += hn::Lanes(D())) use(Slice{tile, lane});
}

// Candidates of a search: the extreme of a group is mapped to this many places around its level.
struct Candidates {
  int count;    // on each side
  float apart;  // in levels
};
constexpr int kRefinements = 2;  // rounds of: nearest levels, then the best fit to them

// The best scale for the levels that `inverse` rounds to, kept where it is better than before.
template <class Nearest>
void try_scale(const Slice& s, const Nearest& nearest, V inverse, V& best_gain, V& best) {
  const D d;
  V qx = hn::Zero(d);
  V qq = hn::Zero(d);
  for (size_t i = 0; i < s.tile.n; ++i) {
    const V x = s.x(i);
    const V q = nearest(hn::Mul(x, inverse));
    const V wq = hn::Mul(s.weight(i), q);
    qx = hn::Add(qx, hn::Mul(wq, x));
    qq = hn::Add(qq, hn::Mul(wq, q));
  }
  const V scale = hn::Mul(qx, inverse_or_zero(qq));
  const V gain = hn::Mul(scale, qx);  // by how much it lowers the sum of weight * x^2
  const auto better = hn::Gt(gain, best_gain);
  best_gain = hn::IfThenElse(better, gain, best_gain);
  best = hn::IfThenElse(better, scale, best);
}

template <class Nearest>
V best_scale(const Slice& s, const Nearest& nearest, float low, const Candidates& candidates) {
  const D d;
  V extreme = hn::Zero(d);
  for (size_t i = 0; i < s.tile.n; ++i) {
    const V x = s.x(i);
    extreme = hn::IfThenElse(hn::Gt(hn::Abs(x), hn::Abs(extreme)), x, extreme);
  }
  const V unit = inverse_or_zero(extreme);
  V gain = hn::Zero(d);
  V best = hn::Zero(d);
  for (int c = -candidates.count; c <= candidates.count; ++c) {
    const float level = low + candidates.apart * static_cast<float>(c);
    try_scale(s, nearest, hn::Mul(unit, hn::Set(d, level)), gain, best);
  }
  for (int i = 0; i < kRefinements; ++i) try_scale(s, nearest, inverse_or_zero(best), gain, best);
  return best;
}

void fit_scales(const GroupTile& tile, const Levels& levels, GroupFit& fit) {
  const bool is_table = levels.table != nullptr;
  const Candidates candidates{.count = is_table ? 4 : 5, .apart = is_table ? 4.0F : 0.18F};
  with_levels(levels, [&](const auto& nearest) {
    for_each_slice(tile, [&](const Slice& s) {
      const V scale = best_scale(s, nearest, static_cast<float>(levels.low), candidates);
      hn::Store(scale, D(), fit.scale.data() + s.lane);
      hn::Store(hn::Zero(D()), D(), fit.min.data() + s.lane);
    });
  });
}

struct AffineBest {
  V gain, scale, min;
};

// The best scale and minimum for the levels that (x - min) * inverse rounds to, likewise.
struct AffineSearch {
  const Slice& s;
  const Whole& nearest;
  Minima minima;
  V weights, wx;  // sums of weight and weight * x

  void try_fit(V min, V inverse, AffineBest& best) const {
    const D d;
    V q1 = hn::Zero(d);
    V qq = hn::Zero(d);
    V qx = hn::Zero(d);
    for (size_t i = 0; i < s.tile.n; ++i) {
      const V x = s.x(i);
      const V q = nearest(hn::Mul(hn::Sub(x, min), inverse));
      const V wq = hn::Mul(s.weight(i), q);
      q1 = hn::Add(q1, wq);
      qq = hn::Add(qq, hn::Mul(wq, q));
      qx = hn::Add(qx, hn::Mul(wq, x));
    }
    const V determinant = hn::Sub(hn::Mul(weights, qq), hn::Mul(q1, q1));
    const V over = hn::IfThenElseZero(hn::Gt(determinant, hn::Zero(d)),
                                      hn::Div(hn::Set(d, 1.0F), determinant));
    V scale = hn::Mul(hn::Sub(hn::Mul(weights, qx), hn::Mul(q1, wx)), over);
    V new_min = hn::Mul(hn::Sub(hn::Mul(qq, wx), hn::Mul(q1, qx)), over);
    if (minima == Minima::kNotAboveZero) {
      const auto above = hn::Gt(new_min, hn::Zero(d));
      new_min = hn::IfThenZeroElse(above, new_min);
      scale = hn::IfThenElse(above, hn::Mul(qx, inverse_or_zero(qq)), scale);
    }
    const V gain = hn::Add(hn::Mul(scale, qx), hn::Mul(new_min, wx));
    const auto better = hn::And(hn::Gt(gain, best.gain), hn::Gt(scale, hn::Zero(d)));
    best.gain = hn::IfThenElse(better, gain, best.gain);
    best.scale = hn::IfThenElse(better, scale, best.scale);
    best.min = hn::IfThenElse(better, new_min, best.min);
  }
};

AffineBest best_affine(const Slice& s, const Whole& nearest, int levels, Minima minima) {
  constexpr Candidates kCandidates{.count = 5, .apart = 0.2F};
  const D d;
  V low = s.x(0);
  V high = low;
  V weights = hn::Zero(d);
  V wx = hn::Zero(d);
  for (size_t i = 0; i < s.tile.n; ++i) {
    low = hn::Min(low, s.x(i));
    high = hn::Max(high, s.x(i));
    weights = hn::Add(weights, s.weight(i));
    wx = hn::Add(wx, hn::Mul(s.weight(i), s.x(i)));
  }
  if (minima == Minima::kNotAboveZero) low = hn::Min(low, hn::Zero(d));
  const AffineSearch search{s, nearest, minima, weights, wx};
  const V unit = inverse_or_zero(hn::Sub(high, low));
  // Where all elements are alike no candidate has a scale: then the minimum is all there is.
  AffineBest best{hn::Zero(d), hn::Zero(d), low};
  for (int c = -kCandidates.count; c <= kCandidates.count; ++c) {
    const float range = static_cast<float>(levels) + kCandidates.apart * static_cast<float>(c);
    search.try_fit(low, hn::Mul(unit, hn::Set(d, range)), best);
  }
  for (int i = 0; i < kRefinements; ++i) {
    search.try_fit(best.min, inverse_or_zero(best.scale), best);
  }
  return best;
}

void fit_scales_and_minima(const GroupTile& tile, const Levels& levels, Minima minima,
                           GroupFit& fit) {
  const D d;
  const Whole nearest{hn::Zero(d), hn::Set(d, static_cast<float>(levels.high))};
  for_each_slice(tile, [&](const Slice& s) {
    const AffineBest best = best_affine(s, nearest, levels.high, minima);
    hn::Store(best.scale, d, fit.scale.data() + s.lane);
    hn::Store(best.min, d, fit.min.data() + s.lane);
  });
}

void group_errors(const GroupTile& tile, const Levels& levels, const GroupFit& fit,
                  GroupValues& errors) {
  const D d;
  with_levels(levels, [&](const auto& nearest) {
    for_each_slice(tile, [&](const Slice& s) {
      const V scale = hn::Load(d, fit.scale.data() + s.lane);
      const V min = hn::Load(d, fit.min.data() + s.lane);
      const V inverse = inverse_or_zero(scale);
      V sum = hn::Zero(d);
      for (size_t i = 0; i < tile.n; ++i) {
        const V above = hn::Sub(s.x(i), min);
        const V error = hn::Sub(above, hn::Mul(scale, nearest(hn::Mul(above, inverse))));
        sum = hn::Add(sum, hn::Mul(s.weight(i), hn::Mul(error, error)));
      }
      hn::StoreU(sum, d, errors.data() + s.lane);
    });
  });
}

void assign_levels(const GroupTile& tile, const Levels& levels, const GroupFit& fit,
                   std::array<int8_t, kMaxGroup * kGroupLanes>& q) {
  const D d;
  const hn::Rebind<int8_t, D> di8;
  with_levels(levels, [&](const auto& nearest) {
    for_each_slice(tile, [&](const Slice& s) {
      const V min = hn::Load(d, fit.min.data() + s.lane);
      const V inverse = inverse_or_zero(hn::Load(d, fit.scale.data() + s.lane));
      for (size_t i = 0; i < tile.n; ++i) {
        const V level = nearest(hn::Mul(hn::Sub(s.x(i), min), inverse));
        hn::StoreU(hn::DemoteTo(di8, hn::NearestInt(level)), di8,
                   q.data() + i * kGroupLanes + s.lane);
      }
    });
  });
}

}  // namespace weft::formats::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::formats {

HWY_EXPORT(fit_scales);
HWY_EXPORT(fit_scales_and_minima);
HWY_EXPORT(group_errors);
HWY_EXPORT(assign_levels);

void fit_scales(const GroupTile& tile, const Levels& levels, GroupFit& fit) {
  HWY_DYNAMIC_DISPATCH(fit_scales)(tile, levels, fit);
}

void fit_scales_and_minima(const GroupTile& tile, const Levels& levels, Minima minima,
                           GroupFit& fit) {
  HWY_DYNAMIC_DISPATCH(fit_scales_and_minima)(tile, levels, minima, fit);
}

void group_errors(const GroupTile& tile, const Levels& levels, const GroupFit& fit,
                  GroupValues& errors) {
  HWY_DYNAMIC_DISPATCH(group_errors)(tile, levels, fit, errors);
}

void assign_levels(const GroupTile& tile, const Levels& levels, const GroupFit& fit,
                   std::array<int8_t, kMaxGroup * kGroupLanes>& q) {
  HWY_DYNAMIC_DISPATCH(assign_levels)(tile, levels, fit, q);
}

}  // namespace weft::formats
#endif  // HWY_ONCE
