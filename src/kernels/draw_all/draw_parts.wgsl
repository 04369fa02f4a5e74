//! The kept logits of each part of an output's: the sum of their weights exp((logit - largest) / temperature), but for
//! those that equal the last one that is kept, which are counted, since perhaps not all of them are.
//! grid: x: parts of kPart logits; y: an output
//! import: candidate
//! import: draw_part

struct Params {
  outputs: u32,
  vocab: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rules: array<DrawRule>;        // [outputs]
@group(0) @binding(1) var<storage, read> logits: array<f32>;            // [outputs, vocab]
@group(0) @binding(2) var<storage, read> candidates: array<Candidate>;  // [outputs, 64], best first
@group(0) @binding(3) var<storage, read_write> bins: array<atomic<u32>>;      // [outputs, kLevels, 3, kBins]
@group(0) @binding(4) var<storage, read_write> selections: array<Selection>;  // [outputs, kLevels + 1]
@group(0) @binding(5) var<storage, read_write> parts: array<Sums>;            // [outputs, parts]

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let output = group.y;
  let rule = rules[output];
  if (rule.drawn_from != kFromAll) { return; }  // the whole workgroup leaves
  let selection = last_kept(output, rule, lane);
  if (group.x == 0u && lane == 0u) { selections[output * (kLevels + 1u) + kLevels] = selection; }
  let kept = kept_of(rule, selection, candidates[output * 64u].logit);
  let first = (group.x * kLanes + lane) * kOwn;
  scan(sums_of(output, p.vocab, first, first + kOwn, kept), lane);
  if (lane == 0u) { parts[output * groups.x + group.x] = sums[kLanes - 1u]; }
}
