//! The first of a workgroup's candidates, by halving. WG, the lanes of the workgroup, is a power of 2.
//! import: candidate

var<workgroup> best_of_lane: array<Candidate, WG>;

// The result is right in invocation 0 only.
fn best_of_workgroup(own: Candidate, lane: u32) -> Candidate {
  best_of_lane[lane] = own;
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half && comes_before(best_of_lane[lane + half], best_of_lane[lane])) {
      best_of_lane[lane] = best_of_lane[lane + half];
    }
  }
  return best_of_lane[lane];
}
