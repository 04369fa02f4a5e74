//! The kTopK first of each output's candidates, in order.
//! grid: y: an output
//! import: top_k

struct Params {
  outputs: u32,
  candidates: u32,  // of an output, at most kLanes * kOwnEntries
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> candidates: array<Candidate>;  // [outputs, p.candidates]
@group(0) @binding(1) var<storage, read_write> top: array<Candidate>;   // [outputs, kTopK]

fn entry(output: u32, index: u32) -> Candidate {
  return candidates[output * p.candidates + index];
}

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  select_top_k(group.y, 0u, 1u, p.candidates, lane);
  if (lane < kTopK) { top[group.y * kTopK + lane] = list[lane]; }
}
