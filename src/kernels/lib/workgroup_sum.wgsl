//! Sums over the workgroup, the same in every lane. WG, the lanes of the workgroup, is a power of 2.
//! Every lane calls it; it may be called again at once.

struct Lane {
  @builtin(local_invocation_index) index: u32,
}

var<workgroup> partial_sums: array<f32, WG>;

fn workgroup_sum(value: f32, lane: Lane) -> f32 {
  partial_sums[lane.index] = value;
  workgroupBarrier();
  for (var n = WG / 2u; n > 0u; n /= 2u) {
    if (lane.index < n) { partial_sums[lane.index] += partial_sums[lane.index + n]; }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&partial_sums[0]);
}
