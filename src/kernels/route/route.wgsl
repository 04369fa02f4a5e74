//! The experts of each row, by the logits of its router: the largest, found one after the other.
//! A score is exp(logit - largest), or the sigmoid of the logit; it is divided by the sum of the chosen ones' if
//! NORMALIZED, else, where scores are exponentials, by the sum of all.
//! If SPARSE, a score is that of the softmax over experts that are left and near: within p.reach of the chosen one,
//! relative to the larger of its logit and their own magnitude.
//! grid: x: a row, folded past 65535 rows
//! import: workgroup_sum
//! import: best_of_workgroup
//! import: expert_choice

override WG: u32;
override SIGMOID: bool;
override NORMALIZED: bool;
override SPARSE: bool;
const MAX_EXPERTS = 1024u;
const MAX_USED = 64u;

struct Params {
  rows: u32,
  experts: u32,  // at most MAX_EXPERTS
  used: u32,     // at most MAX_USED
  reach: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> logits: array<f32>;               // [rows, experts]
@group(0) @binding(1) var<storage, read_write> choices: array<Choice>;  // [rows, used]

var<workgroup> left: array<f32, MAX_EXPERTS>;  // logits of experts that are not chosen yet
var<workgroup> chosen: array<Choice, MAX_USED>;

// Of the experts that are left, a lane's share: the sum of exp(logit - most) over those near.
fn sum_of_near(most: f32, first: u32) -> f32 {
  var sum = 0.0;
  for (var i = first; i < p.experts; i += WG) {
    let is_near = most - left[i] <= p.reach * max(abs(left[i]), most);
    if (left[i] > kNoCandidate.logit && is_near) { sum += exp(left[i] - most); }
  }
  return sum;
}

fn score(logit: f32, largest: f32) -> f32 {
  if (SIGMOID) { return 1.0 / (1.0 + exp(min(-logit, 80.0))); }
  return exp(logit - largest);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, lane: Lane) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  for (var i = lane.index; i < p.experts; i += WG) { left[i] = logits[row * p.experts + i]; }
  for (var n = 0u; n < p.used; n++) {
    var own = kNoCandidate;
    for (var i = lane.index; i < p.experts; i += WG) {
      let candidate = Candidate(i, left[i]);
      if (comes_before(candidate, own)) { own = candidate; }
    }
    let best = best_of_workgroup(own, lane.index);
    if (lane.index == 0u) {
      // There are as many experts as are chosen; where logits are no numbers, any will do.
      let expert = min(best.token, p.experts - 1u);
      chosen[n] = Choice(expert, left[expert]);
    }
    workgroupBarrier();
    if (SPARSE) {
      let near = workgroup_sum(sum_of_near(chosen[n].weight, lane.index), lane);
      if (lane.index == 0u) { choices[row * p.used + n] = Choice(chosen[n].expert, 1.0 / near); }
    }
    if (lane.index == 0u) { left[chosen[n].expert] = kNoCandidate.logit; }
    workgroupBarrier();
  }
  if (SPARSE) { return; }
  let largest = workgroupUniformLoad(&chosen[0]).weight;
  var sum = 0.0;
  if (NORMALIZED) {
    for (var n = lane.index; n < p.used; n += WG) { sum += score(chosen[n].weight, largest); }
  } else if (!SIGMOID) {
    for (var i = lane.index; i < p.experts; i += WG) { sum += score(logits[row * p.experts + i], largest); }
  }
  sum = workgroup_sum(sum, lane);
  if (!NORMALIZED && SIGMOID) { sum = 1.0; }
  for (var n = lane.index; n < p.used; n += WG) {
    choices[row * p.used + n] = Choice(chosen[n].expert, score(chosen[n].weight, largest) / sum);
  }
}
