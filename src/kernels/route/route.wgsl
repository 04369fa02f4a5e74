//! The experts of each row, by the logits of its router: those that the fewest come before, which lanes count side by
//! side.
//! A score is exp(logit - largest), or the sigmoid of the logit; it is divided by the sum of the chosen ones' if
//! NORMALIZED, else, where scores are exponentials, by the sum of all.
//! If SPARSE, a score is that of the softmax over experts that are left and near: within p.reach of the chosen one,
//! relative to the larger of its logit and their own magnitude.
//! grid: x: a row, folded past 65535 rows
//! import: workgroup_sum
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

var<workgroup> of_row: array<f32, MAX_EXPERTS>;  // logits
var<workgroup> ranks: array<u32, MAX_EXPERTS>;
var<workgroup> chosen: array<Choice, MAX_USED>;  // with their logits

// How many experts come before one: those of larger logits, and earlier ones of equal logits.
fn rank_of(expert: u32) -> u32 {
  let own = of_row[expert];
  var rank = 0u;
  for (var i = 0u; i < expert; i++) { rank += u32(of_row[i] >= own); }
  for (var i = expert + 1u; i < p.experts; i++) { rank += u32(of_row[i] > own); }
  return rank;
}

// Of the experts that are left for the n-th choice, a lane's share: the sum of exp(logit - most) over those near.
fn sum_of_near(n: u32, first: u32) -> f32 {
  let most = chosen[n].weight;
  var sum = 0.0;
  for (var i = first; i < p.experts; i += WG) {
    let is_near = most - of_row[i] <= p.reach * max(abs(of_row[i]), most);
    if (ranks[i] >= n && is_near) { sum += exp(of_row[i] - most); }
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
  for (var i = lane.index; i < p.experts; i += WG) { of_row[i] = logits[row * p.experts + i]; }
  workgroupBarrier();
  for (var i = lane.index; i < p.experts; i += WG) {
    ranks[i] = rank_of(i);
    if (ranks[i] < p.used) { chosen[ranks[i]] = Choice(i, of_row[i]); }
  }
  workgroupBarrier();
  if (SPARSE) {
    for (var n = 0u; n < p.used; n++) {
      let near = workgroup_sum(sum_of_near(n, lane.index), lane);
      if (lane.index == 0u) { choices[row * p.used + n] = Choice(chosen[n].expert, 1.0 / near); }
    }
    return;
  }
  let largest = chosen[0].weight;
  var sum = 0.0;
  if (NORMALIZED) {
    for (var n = lane.index; n < p.used; n += WG) { sum += score(chosen[n].weight, largest); }
  } else if (!SIGMOID) {
    for (var i = lane.index; i < p.experts; i += WG) { sum += score(of_row[i], largest); }
  }
  sum = workgroup_sum(sum, lane);
  if (!NORMALIZED && SIGMOID) { sum = 1.0; }
  for (var n = lane.index; n < p.used; n += WG) {
    choices[row * p.used + n] = Choice(chosen[n].expert, score(chosen[n].weight, largest) / sum);
  }
}
