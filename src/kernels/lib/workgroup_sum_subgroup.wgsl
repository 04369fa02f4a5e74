//! workgroup_sum for devices with subgroups, of any size.
//! import: lane_subgroup

var<workgroup> partial_sums: array<f32, WG>;  // of each subgroup

fn workgroup_sum(value: f32, lane: Lane) -> f32 {
  let of_subgroup = subgroupAdd(value);
  if (lane.in_subgroup == 0u) { partial_sums[lane.subgroup] = of_subgroup; }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < lane.n_subgroups; i++) { sum += partial_sums[i]; }
  workgroupBarrier();
  return sum;
}
