//! A part of an output's logits, for drawing one of those that are kept: a lane takes kOwn neighbours.
//! Needs: var logits: array<f32> [outputs, vocab]
//! import: lane_scan
//! import: logit_key
//! import: selection

const kOwn = kPart / kLanes;

// What is kept, and how it is weighed.
struct Kept {
  key: u32,         // all logits with greater keys, if they are at least `least`
  ties: u32,        // and so many with this one, the first tokens of them
  least: f32,
  largest: f32,
  temperature: f32,
}

fn kept_of(rule: DrawRule, selection: Selection, largest: f32) -> Kept {
  let least = select(-0x1p127, largest + log(rule.min_p), rule.min_p > 0.0);
  return Kept(selection.key, selection.n_here, min(least, largest), largest, rule.temperature);
}

fn kept_weight(logit: f32, kept: Kept) -> f32 {
  return select(0.0, weight_at(logit, kept.largest, kept.temperature), logit >= kept.least);
}

fn tie_weight(kept: Kept) -> f32 {
  if (kept.key == 0u) { return 0.0; }
  return kept_weight(logit_of(kept.key), kept);
}

// The ties of tokens [first, end), and the weight of what is greater.
fn sums_of(output: u32, vocab: u32, first: u32, end: u32, kept: Kept) -> Sums {
  var own = Sums(0u, 0.0);
  for (var i = first; i < min(end, vocab); i++) {
    let logit = logits[output * vocab + i];
    let key = key_of(logit);
    if (key > kept.key) { own.weight += kept_weight(logit, kept); }
    if (key == kept.key) { own.count++; }
  }
  return own;
}
