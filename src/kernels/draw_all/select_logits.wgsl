//! One level of the search for the logits that an output's rule keeps by top_k or top_p (selection.wgsl): of those
//! that have the bits found so far, how many have each value of the next 8, and their weight exp(logit - largest).
//! Weights are added as whole numbers of 2^-44, so that their order changes nothing.
//! grid: x: parts of kPart logits; y: an output
//! import: candidate
//! import: selection

struct Params {
  outputs: u32,
  vocab: u32,
  level: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rules: array<DrawRule>;        // [outputs]
@group(0) @binding(1) var<storage, read> logits: array<f32>;            // [outputs, vocab]
@group(0) @binding(2) var<storage, read> candidates: array<Candidate>;  // [outputs, 64], best first
// [outputs, kLevels, 3, kBins], zeros where nothing was counted yet
@group(0) @binding(3) var<storage, read_write> bins: array<atomic<u32>>;
@group(0) @binding(4) var<storage, read_write> selections: array<Selection>;  // [outputs, kLevels + 1]

var<workgroup> own_bins: array<atomic<u32>, 3u * kBins>;  // zeros

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let output = group.y;
  let rule = rules[output];
  let is_of_top_k = p.level < kLevels / 2u;
  let is_used = select(rule.top_p != 1.0, rule.top_k != 0u, is_of_top_k);
  if (rule.drawn_from != kFromAll || !is_used) { return; }  // the whole workgroup leaves
  let found = start_of(output, p.level, rule, lane);
  if (group.x == 0u && lane == 0u) { selections[output * (kLevels + 1u) + p.level] = found; }

  let largest = candidates[output * 64u].logit;
  let shift = 24u - p.level % 4u * 8u;
  let end = min((group.x + 1u) * kPart, p.vocab);
  for (var i = group.x * kPart + lane; i < end; i += kLanes) {
    let logit = logits[output * p.vocab + i];
    let bits = key_of(logit) >> shift;
    if (shift < 24u && bits >> 8u != found.key) { continue; }
    let scaled = weight_at(logit, largest, 1.0) / kHighUnit;
    let high = u32(scaled);
    let low = u32((scaled - f32(high)) * 0x1p32);
    let bin = bits % kBins;
    atomicAdd(&own_bins[bin], 1u);
    let carry = select(0u, 1u, atomicAdd(&own_bins[kBins + bin], low) > 0xffffffffu - low);
    atomicAdd(&own_bins[2u * kBins + bin], high + carry);
  }
  workgroupBarrier();
  let n = atomicLoad(&own_bins[lane]);
  if (n == 0u) { return; }
  let bin = bin_of(output, p.level, lane);
  let low = atomicLoad(&own_bins[kBins + lane]);
  atomicAdd(&bins[bin], n);
  let carry = select(0u, 1u, atomicAdd(&bins[bin + kBins], low) > 0xffffffffu - low);
  atomicAdd(&bins[bin + 2u * kBins], atomicLoad(&own_bins[2u * kBins + lane]) + carry);
}
