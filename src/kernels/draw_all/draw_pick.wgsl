//! Draws an output's token from all that are kept, in the order of tokens: the part in which the random number falls,
//! then the lane of it, then the token, which becomes the output's first candidate. Makes the bins zeros again.
//! grid: y: an output
//! import: candidate
//! import: draw_part

struct Params {
  outputs: u32,
  vocab: u32,
  parts: u32,  // of an output, at most kLanes
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rules: array<DrawRule>;  // [outputs]
@group(0) @binding(1) var<storage, read> logits: array<f32>;      // [outputs, vocab]
@group(0) @binding(2) var<storage, read_write> candidates: array<Candidate>;  // [outputs, 64], best first
@group(0) @binding(3) var<storage, read_write> bins: array<atomic<u32>>;      // [outputs, kLevels, 3, kBins]
@group(0) @binding(4) var<storage, read> selections: array<Selection>;  // [outputs, kLevels + 1]
@group(0) @binding(5) var<storage, read> parts: array<Sums>;                  // [outputs, parts]

// Of a part or an output: the sums up to each lane, ties weighed where `ties` of them in all are kept.
fn scan_kept(own: Sums, ties: u32, tie_weight: f32, lane: u32) {
  scan(own, lane);
  let before = sums_before(lane).count;
  let kept_ties = min(own.count, ties - min(ties, before));
  scan(Sums(own.count, own.weight + f32(kept_ties) * tie_weight), lane);
}

// In which `weight` falls.
fn lane_of(weight: f32, lane: u32) -> u32 {
  let has_any = sums[lane].weight > sums_before(lane).weight;
  return min(first_lane(has_any && weight < sums[lane].weight, has_any, lane), kLanes - 1u);
}

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let output = group.y;
  let rule = rules[output];
  if (rule.drawn_from != kFromAll) { return; }  // the whole workgroup leaves
  for (var i = lane; i < kLevels * 3u * kBins; i += kLanes) {
    atomicStore(&bins[output * kLevels * 3u * kBins + i], 0u);
  }
  let kept = kept_of(rule, selections[output * (kLevels + 1u) + kLevels],
                     candidates[output * 64u].logit);
  let of_tie = tie_weight(kept);
  var own = Sums(0u, 0.0);
  if (lane < p.parts) { own = parts[output * p.parts + lane]; }
  scan_kept(own, kept.ties, of_tie, lane);
  var left = rule.uniform * sums[kLanes - 1u].weight;
  let part = lane_of(left, lane);
  let before_part = sums_before(part);
  left -= before_part.weight;
  var ties = kept.ties - min(kept.ties, before_part.count);

  let first = (part * kLanes + lane) * kOwn;
  scan_kept(sums_of(output, p.vocab, first, first + kOwn, kept), ties, of_tie, lane);
  if (lane != lane_of(left, lane)) { return; }
  let before = sums_before(lane);
  left -= before.weight;
  ties -= min(ties, before.count);
  for (var i = first; i < min(first + kOwn, p.vocab); i++) {
    let logit = logits[output * p.vocab + i];
    let key = key_of(logit);
    var weight = 0.0;
    if (key > kept.key) { weight = kept_weight(logit, kept); }
    if (key == kept.key && ties > 0u) {
      weight = of_tie;
      ties--;
    }
    if (weight > 0.0) {
      candidates[output * 64u] = Candidate(i, logit);
      if (left < weight) { break; }
      left -= weight;
    }
  }
}
