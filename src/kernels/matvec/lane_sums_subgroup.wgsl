//! lane_sums that joins the lanes of a subgroup first. The subgroups are full and, unless LANES_K is 1,
//! have LANES_N lanes or more.
//! import: lane_subgroup

fn lane_n(lane: Lane) -> u32 { return place_in_workgroup(lane) % LANES_N; }

fn lane_k(lane: Lane) -> u32 { return place_in_workgroup(lane) / LANES_N; }

fn join(value: f32, lane: Lane) -> f32 {
  var sum = value;
  for (var apart = LANES_N; apart < lane.subgroup_size; apart *= 2u) {
    sum += subgroupShuffleXor(sum, apart);
  }
  return sum;
}

fn sums_are_kept(lane: Lane) -> bool { return lane.in_subgroup < LANES_N; }

fn sum_place(lane: Lane) -> u32 { return lane.subgroup; }

fn sum_places(lane: Lane) -> u32 { return lane.n_subgroups; }
