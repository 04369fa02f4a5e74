//! finish(row, pair, (W[first] . x[row], W[second] . x[row])) for each row of y and each pair of rows of W,
//!   first = 2 PAIR_APART (pair / PAIR_APART) + pair % PAIR_APART,  second = first + PAIR_APART
//! for few rows: a weight is read once for kRows of them. What of x and W a row is made of says w_of_rows.
//! A workgroup has GROUPS x LANES_K lanes. The lanes of a group stand as units of W lie: kRowGroup side by side have
//! a unit of as many rows each, and the next ones the next unit. A group handles kPairs * kRowGroup pairs at a time,
//! TURNS times.
//! const kRows, kPairs
//! grid: x: GROUPS * kPairs * kRowGroup * TURNS pairs, y: kRows rows of y
//! import: lane_subgroup
//! import: unit_dot
//! import: x_units
//! import: w_of_rows
//! import: finish

override N: u32;             // rows of W
override UNITS: u32;         // of one of them
override LANES_K: u32;       // a power of 2 from kRowGroup to SUBGROUP_MIN, or a multiple of all sizes of a subgroup
override GROUPS: u32;
override TURNS: u32;
override PAIR_APART: u32;
override SUBGROUP_MIN: u32;  // lanes
override SUBGROUP_MAX: u32;
override SUM_PLACES: u32;    // at least the subgroups of a workgroup
override UNITS_K: u32 = LANES_K / kRowGroup;  // that a group has side by side

struct Params {
  rows: u32,
  pairs: u32,
  y_first: u32,  // place of W's first row in a row of y
}
var<immediate> p: Params;

const kSums = kRows * kPairs;
const kSumsOfGroup = kSums * kRowGroup;
var<workgroup> partial: array<vec2f, SUM_PLACES * kSumsOfGroup>;  // [subgroup, row, pair]

// The same unit of two rows of W.
struct UnitPair {
  first: Unit,
  second: Unit,
}

fn load_pair(row: u32, pair: u32, unit: u32) -> UnitPair {
  let apart = select(PAIR_APART, kRowGroup, PAIR_APART == 1u);
  let first = (2u * apart) * (pair / apart) + pair % apart;
  let at = min(unit, UNITS - 1u);
  return UnitPair(load_unit(place_in_w(row, min(first, N - 1u), at)),
                  load_unit(place_in_w(row, min(first + apart, N - 1u), at)));
}

// From the sums of the two rows that each lane has loaded, those of a pair.
fn as_pair(sum: vec2f, my_row: u32) -> vec2f {
  if (PAIR_APART > 1u || kRowGroup == 1u) { return sum; }
  let is_odd = my_row % 2u == 1u;
  let other = subgroupShuffleXor(select(sum.y, sum.x, is_odd), 1u);
  return select(vec2f(sum.x, other), vec2f(other, sum.y), is_odd);
}

// Which of kRowGroup pairs that is.
fn place_of_pair(my_row: u32) -> u32 {
  if (PAIR_APART > 1u) { return my_row; }
  return my_row / 2u + my_row % 2u * (kRowGroup / 2u);
}

fn join(sum: vec2f, my_row: u32, lane: Lane) -> vec2f {
  var joined = sum;
  if (kRowGroup == 1u && LANES_K >= SUBGROUP_MAX) { return subgroupAdd(sum); }
  let size = select(lane.subgroup_size, SUBGROUP_MAX, SUBGROUP_MIN == SUBGROUP_MAX);  // drivers unroll what they know
  for (var apart = kRowGroup; apart < min(LANES_K, size); apart *= 2u) {
    joined += subgroupShuffleXor(joined, apart);
  }
  return as_pair(joined, my_row);
}

fn finish_within(row: u32, pair: u32, sum: vec2f) {
  if (row < rows_of_y() && pair < p.pairs) { finish(row, pair, sum); }
}

@compute @workgroup_size(GROUPS * LANES_K)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let my_place = place_in_workgroup(lane);
  let my_row = my_place % kRowGroup;
  let my_unit = my_place % LANES_K / kRowGroup;
  let first_row = group.y * kRows;
  var turn_pair = group.x * TURNS * GROUPS * kPairs * kRowGroup;  // the first of the workgroup
  let group_pair = my_place / LANES_K * kPairs * kRowGroup;       // the first of the group, from there

  // Weights are asked for a trip ahead, and the first before x is prepared.
  var weights: array<UnitPair, kPairs>;
  for (var i = 0u; i < kPairs; i++) {  //! unroll
    weights[i] = load_pair(first_row, turn_pair + group_pair + i * kRowGroup + my_row, my_unit);
  }
  prepare_x(row_of_x(first_row), lane);

  var x: XUnit;
  for (var turn = 0u; turn < TURNS; turn++) {
    var sums = array<vec2f, kSums>();
    for (var trip_unit = 0u; trip_unit < UNITS; trip_unit += UNITS_K) {
      let unit = trip_unit + my_unit;
      let ends_turn = trip_unit + UNITS_K >= UNITS;
      let next_unit = select(unit + UNITS_K, my_unit, ends_turn);
      let next_pair = turn_pair + group_pair + my_row + select(0u, GROUPS * kPairs * kRowGroup, ends_turn);
      var next: array<UnitPair, kPairs>;
      if (!ends_turn || turn + 1u < TURNS) {
        for (var i = 0u; i < kPairs; i++) {  //! unroll
          next[i] = load_pair(first_row, next_pair + i * kRowGroup, next_unit);
        }
      }
      if (unit < UNITS) {
        for (var row = 0u; row < kRows; row++) {  //! unroll
          if (kRows > 1u || UNITS > UNITS_K || turn == 0u) {
            x = load_x(row_of_x(min(first_row + row, rows_of_y() - 1u)), unit);
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
          let sum = join(sums[row * kPairs + i], my_row, lane);
          if (my_unit == (row * kPairs + i) % UNITS_K) {
            finish_within(first_row + row, turn_pair + group_pair + i * kRowGroup + place_of_pair(my_row), sum);
          }
        }
      }
    } else {
      let sum_place = my_place / lane.subgroup_size * kSumsOfGroup + place_of_pair(my_row);
      for (var row = 0u; row < kRows; row++) {  //! unroll
        for (var i = 0u; i < kPairs; i++) {  //! unroll
          let sum = join(sums[row * kPairs + i], my_row, lane);
          if (lane.in_subgroup < kRowGroup) { partial[sum_place + (row * kPairs + i) * kRowGroup] = sum; }
        }
      }
      workgroupBarrier();
      let places = LANES_K / lane.subgroup_size;  // of a group
      for (var i = lane.index; i < GROUPS * kSumsOfGroup; i += GROUPS * LANES_K) {
        let of_group = i % kSumsOfGroup;
        var sum = vec2f();
        for (var place = 0u; place < places; place++) {
          sum += partial[(i / kSumsOfGroup * places + place) * kSumsOfGroup + of_group];
        }
        let pair = turn_pair + i / kSumsOfGroup * kPairs * kRowGroup + of_group % (kPairs * kRowGroup);
        finish_within(first_row + of_group / (kPairs * kRowGroup), pair, sum);
      }
      if (TURNS > 1u) { workgroupBarrier(); }
    }
    turn_pair += GROUPS * kPairs * kRowGroup;
  }
}
