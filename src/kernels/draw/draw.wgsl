//! Draws an output's token from its most likely ones: top_k, typical_p, top_p, min_p, temperature and
//! a random number, in this order, each on what the one before it left (never nothing). Where the rule
//! draws from all tokens, draw_pick has put the token first. It is a result, the next input of the
//! output's slot, and kept there for edit_logits.
//! grid: y: an output
//! import: candidate
//! import: step
//! import: draw_rule

const kMost = 64u;

struct Params {
  outputs: u32,
  vocab: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> candidates: array<Candidate>;  // [outputs, kMost], best first
@group(0) @binding(1) var<storage, read> rules: array<DrawRule>;        // [outputs]
@group(0) @binding(2) var<storage, read> rows: array<Row>;
@group(0) @binding(3) var<storage, read> outputs: array<u32>;             // the row of each output
@group(0) @binding(4) var<storage, read_write> sampled: array<u32>;       // [outputs]
@group(0) @binding(5) var<storage, read_write> slot_tokens: array<u32>;   // [slots]
@group(0) @binding(6) var<storage, read_write> drawn_tokens: array<u32>;  // [slots, kDrawnTokens]

var<workgroup> logits: array<f32, kMost>;
var<workgroup> weights: array<f32, kMost>;  // exp(logit - largest)
var<workgroup> distances: array<f32, kMost>;
var<workgroup> order: array<u32, kMost>;  // candidates, as the stages left them
var<workgroup> by_token: array<u32, kMost>;
var<workgroup> n_left: u32;

const kLeastExponent = -200.0;  // exp of it is 0

fn weight_at(logit: f32, largest: f32, temperature: f32) -> f32 {
  return select(exp(max((logit - largest) / temperature, kLeastExponent)), 1.0, logit == largest);
}

// Of the first n of `order`: the fewest that have this share of their weight.
fn count_of_share(n: u32, share: f32) -> u32 {
  var sum = 0.0;
  for (var i = 0u; i < n; i++) { sum += weights[order[i]]; }
  var kept = 0u;
  var weight = 0.0;
  while (kept < n && (kept == 0u || weight < share * sum)) {
    weight += weights[order[kept]];
    kept++;
  }
  return kept;
}

// Puts the first n of `order` best first.
fn sort_best_first(n: u32) {
  for (var i = 1u; i < n; i++) {
    let moved = order[i];
    var place = i;
    while (place > 0u && order[place - 1u] > moved) {
      order[place] = order[place - 1u];
      place--;
    }
    order[place] = moved;
  }
}

fn largest_logit(n: u32) -> f32 {
  var best = order[0];
  for (var i = 1u; i < n; i++) { best = min(best, order[i]); }
  return logits[best];
}

// Drops those of the first n that are less than min_p times as likely as the best; how many stay.
fn drop_unlikely(n: u32, min_p: f32) -> u32 {
  let least = largest_logit(n) + log(min_p);
  var kept = 0u;
  for (var i = 0u; i < n; i++) {
    if (logits[order[i]] >= least) {
      order[kept] = order[i];
      kept++;
    }
  }
  return kept;
}

// How many of the first n of `order` the stages leave.
fn drop_by_rule(rule: DrawRule, all: u32) -> u32 {
  var n = all;
  if (rule.typical_p < 1.0) { n = count_of_share(n, rule.typical_p); }
  if (rule.top_p < 1.0) {
    sort_best_first(n);
    n = count_of_share(n, rule.top_p);
  }
  if (rule.min_p > 0.0) { n = drop_unlikely(n, rule.min_p); }
  return n;
}

// Of the first n of `by_token`.
fn draw(n: u32, temperature: f32, uniform: f32) -> u32 {
  var best = by_token[0];
  for (var i = 1u; i < n; i++) { best = min(best, by_token[i]); }
  var sum = 0.0;
  for (var i = 0u; i < n; i++) { sum += weight_at(logits[by_token[i]], logits[best], temperature); }
  var left = uniform * sum;
  var last_possible = best;
  for (var i = 0u; i < n; i++) {
    let weight = weight_at(logits[by_token[i]], logits[best], temperature);
    if (weight > 0.0) {
      last_possible = by_token[i];
      if (left < weight) { break; }
      left -= weight;
    }
  }
  return last_possible;
}

// Puts the first n of `order` by how near their surprise -log(probability) is to the mean surprise.
fn sort_typical_first(n: u32, lane: u32) {
  var sum = 0.0;
  for (var i = 0u; i < n; i++) { sum += weights[i]; }
  var entropy = 0.0;
  for (var i = 0u; i < n; i++) {
    entropy += weights[i] / sum * (log(sum) - max(logits[i] - logits[0], kLeastExponent));
  }
  distances[lane] = abs(log(sum) - (logits[lane] - logits[0]) - entropy);
  workgroupBarrier();
  if (lane < n) {
    var place = 0u;
    for (var i = 0u; i < n; i++) {
      let is_before = distances[i] < distances[lane] || (distances[i] == distances[lane] && i < lane);
      place += select(0u, 1u, is_before);
    }
    order[place] = lane;
  }
  workgroupBarrier();
}

@compute @workgroup_size(kMost)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let rule = rules[group.y];
  if (rule.drawn_from == kFromNothing) { return; }  // the whole workgroup leaves
  let first = group.y * kMost;
  var chosen = 0u;
  if (rule.drawn_from == kFromMostLikely && rule.temperature > 0.0) {
    let all = min(min(rule.top_k, kMost), p.vocab);
    logits[lane] = candidates[first + lane].logit;
    weights[lane] = weight_at(candidates[first + lane].logit, candidates[first].logit, 1.0);
    order[lane] = lane;
    workgroupBarrier();
    if (rule.typical_p < 1.0) { sort_typical_first(all, lane); }
    if (lane == 0u) { n_left = drop_by_rule(rule, all); }
    let n = workgroupUniformLoad(&n_left);
    if (lane < n) {
      var place = 0u;
      for (var i = 0u; i < n; i++) {
        let is_before = candidates[first + order[i]].token < candidates[first + order[lane]].token;
        place += select(0u, 1u, is_before);
      }
      by_token[place] = order[lane];
    }
    workgroupBarrier();
    chosen = draw(n, rule.temperature, rule.uniform);
  }
  if (lane != 0u) { return; }
  let token = candidates[first + chosen].token;
  let row = rows[outputs[group.y]];
  sampled[group.y] = token;
  slot_tokens[row.slot] = token;
  drawn_tokens[row.slot * kDrawnTokens + (row.pos + 1u) % kDrawnTokens] = token;
}
