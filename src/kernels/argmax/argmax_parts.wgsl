//! The largest logit among each workgroup's share of an output's; argmax_pick takes the largest of
//! those.
//! grid: x: parts, y: an output
//! import: best_of_workgroup

override WG: u32;

struct Params {
  outputs: u32,
  vocab: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> logits: array<f32>;            // [outputs, vocab]
@group(0) @binding(1) var<storage, read_write> best: array<Candidate>;  // [outputs, parts]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  var own = kNoCandidate;
  for (var token = group.x * WG + lane; token < p.vocab; token += groups.x * WG) {
    let candidate = Candidate(token, logits[group.y * p.vocab + token]);
    if (comes_before(candidate, own)) { own = candidate; }
  }
  let first = best_of_workgroup(own, lane);
  if (lane == 0u) { best[group.y * groups.x + group.x] = first; }
}
