//! Changes the logits of an output's biased and seen tokens, in this order:
//!   logit += the token's bias
//!   logit = logit / repeat_penalty where it is positive, else logit * repeat_penalty
//!   logit -= times seen * frequency_penalty + presence_penalty
//! The host lists each token once as biased and once as seen. What was drawn ahead of it was seen once more each time.
//! grid: y: an output
//! import: step
//! import: draw_rule

const kLanes = 64u;
override MAX_EDITS: u32;  // more of a list are not looked at

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

var<workgroup> is_listed: array<atomic<u32>, kDrawnTokens>;  // of the tokens ahead: as seen, too

// The i-th of the tokens that the host did not know.
fn token_ahead(rule: DrawRule, i: u32, row: Row) -> u32 {
  let pos = row.pos + 1u - rule.n_ahead + i;
  return drawn_tokens[row.slot * kDrawnTokens + pos % kDrawnTokens];
}

fn penalize(output: u32, token: u32, times: u32, rule: DrawRule) {
  if (token >= p.vocab) { return; }
  let logit = logits[output * p.vocab + token];
  let scaled = select(logit * rule.repeat_penalty, logit / rule.repeat_penalty, logit > 0.0);
  logits[output * p.vocab + token] =
      scaled - (f32(times) * rule.frequency_penalty + rule.presence_penalty);
}

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let output = group.y;
  let rule = rules[output];
  if (rule.drawn_from == kFromNothing) { return; }  // the whole workgroup leaves
  let row = rows[outputs[output]];
  let n_ahead = min(rule.n_ahead, kDrawnTokens);
  for (var i = lane; i < min(rule.n_biases, MAX_EDITS); i += kLanes) {
    let edit = rule.first_edit + 2u * i;
    if (edits[edit] < p.vocab) {
      logits[output * p.vocab + edits[edit]] += bitcast<f32>(edits[edit + 1u]);
    }
  }
  storageBarrier();
  for (var i = lane; i < min(rule.n_seen, MAX_EDITS); i += kLanes) {
    let edit = rule.first_edit + 2u * (rule.n_biases + i);
    let token = edits[edit];
    var times = edits[edit + 1u];
    for (var j = 0u; j < n_ahead; j++) {
      if (token_ahead(rule, j, row) == token) {
        times++;
        atomicStore(&is_listed[j], 1u);
      }
    }
    penalize(output, token, times, rule);
  }
  workgroupBarrier();
  if (lane >= n_ahead || atomicLoad(&is_listed[min(lane, kDrawnTokens - 1u)]) != 0u) { return; }
  let token = token_ahead(rule, lane, row);
  var times = 0u;
  for (var j = 0u; j < n_ahead; j++) {
    let is_same = token_ahead(rule, j, row) == token;
    if (is_same && j < lane) { return; }  // that lane's
    times += select(0u, 1u, is_same);
  }
  penalize(output, token, times, rule);
}
