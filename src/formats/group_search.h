// The searches behind quantize.h. A group is up to 32 neighbouring elements that share a scale (and
// a minimum); kGroupLanes groups lie side by side, so that each vector lane works on a group and
// nothing is summed across lanes. Results are the same bits on every instruction set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft::formats {

inline constexpr size_t kGroupLanes = 16;
inline constexpr size_t kMaxGroup = 32;

using GroupValues = std::array<float, kGroupLanes>;  // one a group

struct GroupTile {
  size_t n;                                      // elements of each group
  alignas(64) float x[kMaxGroup * kGroupLanes];  // element i of group l at [i * kGroupLanes + l]
  alignas(64) float weight[kMaxGroup * kGroupLanes];  // of its squared error, not negative
};

// What an element may become before it is scaled: whole numbers within [low, high], or 16 levels in
// ascending order.
struct Levels {
  int low, high;
  const int8_t* table = nullptr;  // of 16 levels, low to high; null: whole numbers
};

struct GroupFit {
  alignas(64) GroupValues scale, min;  // x is about scale * q + min
};

// The scales with the least sum of weight * (x - scale * q)^2 that a search finds; min is 0. The
// element of the largest magnitude lies near levels.low, so scales may be negative.
void fit_scales(const GroupTile& tile, const Levels& levels, GroupFit& fit);

// Scales, not negative, and minima, in the same sense.
enum class Minima : uint8_t { kAny, kNotAboveZero };
void fit_scales_and_minima(const GroupTile& tile, const Levels& levels, Minima minima,
                           GroupFit& fit);

// The weighted sums of squared errors of a fit.
void group_errors(const GroupTile& tile, const Levels& levels, const GroupFit& fit,
                  GroupValues& errors);

// The q of every element, where x is.
void assign_levels(const GroupTile& tile, const Levels& levels, const GroupFit& fit,
                   std::array<int8_t, kMaxGroup * kGroupLanes>& q);

}  // namespace weft::formats
