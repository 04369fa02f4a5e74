//! Where a lane stands, on devices with subgroups. Subgroups are full.
//! enable: subgroups
//! diagnostic_off: subgroup_uniformity

struct Lane {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) in_subgroup: u32,
  @builtin(subgroup_size) subgroup_size: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(num_subgroups) n_subgroups: u32,
}

// Lanes with neighbouring places are neighbours in a subgroup.
fn place_in_workgroup(lane: Lane) -> u32 {
  return lane.subgroup * lane.subgroup_size + lane.in_subgroup;
}
