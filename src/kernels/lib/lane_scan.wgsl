//! Sums over the lanes up to each, and the first lane of which something is true. All 256 lanes call both.

const kLanes = 256u;

struct Sums {
  count: u32,
  weight: f32,
}

var<workgroup> sums: array<Sums, kLanes>;  // as scan() leaves them
var<workgroup> found: atomic<u32>;

// sums[i]: of lanes 0 to i. Always added in the same order.
fn scan(own: Sums, lane: u32) {
  workgroupBarrier();
  sums[lane] = own;
  for (var gap = 1u; gap < kLanes; gap *= 2u) {
    workgroupBarrier();
    var sum = sums[lane];
    if (lane >= gap) {
      let before = sums[lane - gap];
      sum = Sums(before.count + sum.count, before.weight + sum.weight);
    }
    workgroupBarrier();
    sums[lane] = sum;
  }
  workgroupBarrier();
}

fn sums_before(lane: u32) -> Sums {
  if (lane == 0u) { return Sums(0u, 0.0); }
  return sums[lane - 1u];
}

// The first lane that is one; else the last that may stand in; else kLanes.
fn first_lane(is_one: bool, may_stand_in: bool, lane: u32) -> u32 {
  if (lane == 0u) { atomicStore(&found, 2u * kLanes); }
  workgroupBarrier();
  if (is_one) {
    atomicMin(&found, lane);
  } else if (may_stand_in) {
    atomicMin(&found, 2u * kLanes - 1u - lane);
  }
  workgroupBarrier();
  let first = atomicLoad(&found);
  workgroupBarrier();
  if (first == 2u * kLanes) { return kLanes; }
  return select(2u * kLanes - 1u - first, first, first < kLanes);
}
