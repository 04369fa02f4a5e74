//! The token of an output's largest logit, of equal ones the lowest: as a result, and as the next
//! input of the output's slot.
//! grid: y: an output
//! import: step
//! import: best_of_workgroup

override WG: u32;

struct Params {
  outputs: u32,
  parts: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> best: array<Candidate>;  // [outputs, parts]
@group(0) @binding(1) var<storage, read> rows: array<Row>;
@group(0) @binding(2) var<storage, read> outputs: array<u32>;              // the row of each output
@group(0) @binding(3) var<storage, read_write> sampled: array<u32>;      // [outputs]
@group(0) @binding(4) var<storage, read_write> slot_tokens: array<u32>;  // [slots]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var own = kNoCandidate;
  for (var part = lane; part < p.parts; part += WG) {
    let candidate = best[group.y * p.parts + part];
    if (comes_before(candidate, own)) { own = candidate; }
  }
  let first = best_of_workgroup(own, lane);
  if (lane == 0u) {
    sampled[group.y] = first.token;
    slot_tokens[rows[outputs[group.y]].slot] = first.token;
  }
}
