//! Changes the logits of an output's biased and seen tokens, in this order:
//!   logit += each bias of the token
//!   logit = logit / repeat_penalty where it is positive, else logit * repeat_penalty
//!   logit -= times seen * frequency_penalty + presence_penalty
//! An invocation serves the token of an edit if no edit before it has the same.
//! grid: y: an output
//! import: step
//! import: draw_rule

const kLanes = 64u;
override MAX_EDITS: u32;  // biases and seen tokens of an output

struct Params {
  outputs: u32,
  vocab: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rules: array<DrawRule>;    // [outputs]
@group(0) @binding(1) var<storage, read> edits: array<u32>;
@group(0) @binding(2) var<storage, read> drawn_tokens: array<u32>;  // [slots, kDrawnTokens]
@group(0) @binding(3) var<storage, read> rows: array<Row>;
@group(0) @binding(4) var<storage, read> outputs: array<u32>;       // the row of each output
@group(0) @binding(5) var<storage, read_write> logits: array<f32>;  // [outputs, vocab]

var<workgroup> tokens: array<u32, MAX_EDITS>;  // biased ones, then seen ones

fn is_first(begin: u32, i: u32) -> bool {
  for (var j = begin; j < i; j++) {
    if (tokens[j] == tokens[i]) { return false; }
  }
  return true;
}

// The i-th of the tokens that the host did not know.
fn token_ahead(rule: DrawRule, i: u32, row: Row) -> u32 {
  let pos = row.pos + 1u - rule.n_ahead + i;
  return drawn_tokens[row.slot * kDrawnTokens + pos % kDrawnTokens];
}

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let rule = rules[group.y];
  if (rule.drawn_from == kFromNothing) { return; }  // the whole workgroup leaves
  let row = rows[outputs[group.y]];
  let first_logit = group.y * p.vocab;
  let n_known = rule.n_biases + rule.n_seen;
  let n = n_known + rule.n_ahead;
  for (var i = lane; i < n; i += kLanes) {
    if (i >= n_known) {
      tokens[i] = token_ahead(rule, i - n_known, row);
    } else if (i >= rule.n_biases) {
      tokens[i] = edits[rule.first_edit + rule.n_biases + i];
    } else {
      tokens[i] = edits[rule.first_edit + 2u * i];
    }
  }
  workgroupBarrier();
  for (var i = lane; i < rule.n_biases; i += kLanes) {
    if (tokens[i] < p.vocab && is_first(0u, i)) {
      var logit = logits[first_logit + tokens[i]];
      for (var j = i; j < rule.n_biases; j++) {
        if (tokens[j] == tokens[i]) { logit += bitcast<f32>(edits[rule.first_edit + 2u * j + 1u]); }
      }
      logits[first_logit + tokens[i]] = logit;
    }
  }
  storageBarrier();
  for (var i = rule.n_biases + lane; i < n; i += kLanes) {
    if (tokens[i] < p.vocab && is_first(rule.n_biases, i)) {
      var times = 0.0;
      for (var j = i; j < n; j++) { times += select(0.0, 1.0, tokens[j] == tokens[i]); }
      let logit = logits[first_logit + tokens[i]];
      let scaled = select(logit * rule.repeat_penalty, logit / rule.repeat_penalty, logit > 0.0);
      logits[first_logit + tokens[i]] =
          scaled - (times * rule.frequency_penalty + rule.presence_penalty);
    }
  }
}
