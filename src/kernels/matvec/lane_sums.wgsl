//! Where a lane of LANES_N x LANES_K stands, and how its sum joins those of the LANES_K lanes of its column:
//! lanes for which sums_are_kept() put what join() gave them into place sum_place() of sum_places().

struct Lane {
  @builtin(local_invocation_index) index: u32,
}

fn lane_n(lane: Lane) -> u32 { return lane.index % LANES_N; }

fn lane_k(lane: Lane) -> u32 { return lane.index / LANES_N; }

fn join(sum: f32, lane: Lane) -> f32 { return sum; }

fn sums_are_kept(lane: Lane) -> bool { return true; }

fn sum_place(lane: Lane) -> u32 { return lane_k(lane); }

fn sum_places(lane: Lane) -> u32 { return LANES_K; }
