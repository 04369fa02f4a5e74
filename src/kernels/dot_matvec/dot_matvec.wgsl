//! finish(row, pair, (W[first] . x[row], W[second] . x[row])) for each row of x and each pair of rows of W,
//!   first = 2 PAIR_APART (pair / PAIR_APART) + pair % PAIR_APART,  second = first + PAIR_APART
//! for few rows of x: a weight is read once for kRows of them.
//! A workgroup has GROUPS x LANES_K lanes. The lanes of a group stand side by side along k, where each takes its
//! own units of all rows of W that the group handles: kPairs pairs at a time, TURNS times.
//! const kRows, kPairs
//! grid: x: GROUPS * kPairs * TURNS pairs, y: kRows rows of x
//! import: lane_subgroup
//! import: unit_dot
//! import: x_units
//! import: finish

override N: u32;             // rows of W
override UNITS: u32;         // of one of them
override LANES_K: u32;       // a power of 2 up to SUBGROUP_MIN, or a multiple of all sizes of a subgroup
override GROUPS: u32;
override TURNS: u32;
override PAIR_APART: u32;
override SUBGROUP_MIN: u32;  // lanes
override SUBGROUP_MAX: u32;
override SUM_PLACES: u32;    // at least the subgroups of a workgroup

struct Params {
  rows: u32,
  pairs: u32,
  y_first: u32,  // place of W's first row in a row of y
}
var<immediate> p: Params;

const kSums = kRows * kPairs;
var<workgroup> partial: array<vec2f, SUM_PLACES * kSums>;  // [subgroup, row, pair]

// The same unit of two rows of W.
struct UnitPair {
  first: Unit,
  second: Unit,
}

fn load_pair(pair: u32, unit: u32) -> UnitPair {
  let within = min(pair, p.pairs - 1u);
  let first = (2u * PAIR_APART) * (within / PAIR_APART) + within % PAIR_APART;
  let at = min(unit, UNITS - 1u);
  let second = min(first + PAIR_APART, N - 1u);
  return UnitPair(load_unit(first * UNITS + at), load_unit(second * UNITS + at));
}

fn join(sum: vec2f, lane: Lane) -> vec2f {
  if (LANES_K >= SUBGROUP_MAX) { return subgroupAdd(sum); }
  var joined = sum;
  for (var apart = 1u; apart < LANES_K; apart *= 2u) { joined += subgroupShuffleXor(joined, apart); }
  return joined;
}

fn finish_within(row: u32, pair: u32, sum: vec2f) {
  if (row < p.rows && pair < p.pairs) { finish(row, pair, sum); }
}

@compute @workgroup_size(GROUPS * LANES_K)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let my_place = place_in_workgroup(lane);
  let my_unit = my_place % LANES_K;
  let first_row = group.y * kRows;
  var turn_pair = group.x * TURNS * GROUPS * kPairs;  // the first of the workgroup
  let group_pair = my_place / LANES_K * kPairs;       // the first of the group, from there

  // Weights are asked for a trip ahead, and the first before x is prepared.
  var weights: array<UnitPair, kPairs>;
  for (var i = 0u; i < kPairs; i++) {  //! unroll
    weights[i] = load_pair(turn_pair + group_pair + i, my_unit);
  }
  prepare_x(first_row, lane);

  var x: XUnit;
  for (var turn = 0u; turn < TURNS; turn++) {
    var sums = array<vec2f, kSums>();
    for (var trip_unit = 0u; trip_unit < UNITS; trip_unit += LANES_K) {
      let unit = trip_unit + my_unit;
      let ends_turn = trip_unit + LANES_K >= UNITS;
      let next_unit = select(unit + LANES_K, my_unit, ends_turn);
      let next_pair = turn_pair + group_pair + select(0u, GROUPS * kPairs, ends_turn);
      var next: array<UnitPair, kPairs>;
      if (!ends_turn || turn + 1u < TURNS) {
        for (var i = 0u; i < kPairs; i++) {  //! unroll
          next[i] = load_pair(next_pair + i, next_unit);
        }
      }
      if (unit < UNITS) {
        for (var row = 0u; row < kRows; row++) {  //! unroll
          if (kRows > 1u || UNITS > LANES_K || turn == 0u) {
            x = load_x(min(first_row + row, p.rows - 1u), unit);
          }
          for (var i = 0u; i < kPairs; i++) {  //! unroll
            sums[row * kPairs + i] +=
                vec2f(unit_dot(weights[i].first, x), unit_dot(weights[i].second, x));
          }
        }
      }
      weights = next;
    }

    if (LANES_K <= SUBGROUP_MIN) {
      // A group has all of its sums: its lanes finish one each.
      for (var row = 0u; row < kRows; row++) {  //! unroll
        for (var i = 0u; i < kPairs; i++) {  //! unroll
          let sum = join(sums[row * kPairs + i], lane);
          if (my_unit == (row * kPairs + i) % LANES_K) {
            finish_within(first_row + row, turn_pair + group_pair + i, sum);
          }
        }
      }
    } else {
      let sum_place = my_place / lane.subgroup_size * kSums;
      for (var row = 0u; row < kRows; row++) {  //! unroll
        for (var i = 0u; i < kPairs; i++) {  //! unroll
          let sum = join(sums[row * kPairs + i], lane);
          if (lane.in_subgroup == 0u) { partial[sum_place + row * kPairs + i] = sum; }
        }
      }
      workgroupBarrier();
      let places = LANES_K / lane.subgroup_size;  // of a group
      for (var i = lane.index; i < GROUPS * kSums; i += GROUPS * LANES_K) {
        var sum = vec2f();
        for (var place = 0u; place < places; place++) {
          sum += partial[(i / kSums * places + place) * kSums + i % kSums];
        }
        let pair = turn_pair + i / kSums * kPairs + i % kPairs;
        finish_within(first_row + i % kSums / kPairs, pair, sum);
      }
      if (TURNS > 1u) { workgroupBarrier(); }
    }
    turn_pair += GROUPS * kPairs;
  }
}
