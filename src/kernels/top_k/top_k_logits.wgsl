//! The kTopK largest logits of each workgroup's share of an output's, in order; top_k_merge goes on.
//! grid: x: parts, at most kLanes * kOwnEntries logits each; y: an output
//! import: top_k

struct Params {
  outputs: u32,
  vocab: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> logits: array<f32>;           // [outputs, vocab]
@group(0) @binding(1) var<storage, read_write> top: array<Candidate>;  // [outputs, parts, kTopK]

fn entry(output: u32, index: u32) -> Candidate {
  return Candidate(index, logits[output * p.vocab + index]);
}

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  select_top_k(group.y, group.x, groups.x, p.vocab, lane);
  if (lane < kTopK) { top[(group.y * groups.x + group.x) * kTopK + lane] = list[lane]; }
}
