//! Where the logits that top_k and top_p keep end, found 8 bits of their keys (logit_key) at a time: top_k in the
//! levels 0 to 3, top_p in the levels 4 to 7. A dispatch of select_logits counts a level's bins, and whatever comes
//! next finds the bin in which the kept ones end.
//! const kPart: logits of a workgroup
//! Needs: var bins: array<atomic<u32>> [outputs, kLevels, 3, kBins], var selections: array<Selection>
//! [outputs, kLevels + 1]
//! import: draw_rule
//! import: lane_scan
//! import: logit_key

const kLevels = 8u;
const kBins = 256u;        // one a lane
const kLowUnit = 0x1p-44;  // of a bin's weight: 12 bits before a word of 32
const kHighUnit = 0x1p-12;

struct Selection {
  key: u32,            // of the last that is kept: the bits that are known
  n_before: u32,       // logits that have greater ones
  n_here: u32,         // logits that have these bits; at the end: as many of them as are kept
  weight_before: f32,  // sums of exp(logit - largest)
  weight_here: f32,
  goal: f32,           // of top_p: the weight to keep; at the end: the weight of all that are kept
}

const kNothingSelected = Selection(0u, 0u, 0u, 0.0, 0.0, 0.0);

fn weight_at(logit: f32, largest: f32, temperature: f32) -> f32 {
  if (logit == largest) { return 1.0; }
  let exponent = (logit - largest) / temperature;
  return select(0.0, exp(max(exponent, -100.0)), exponent > -100.0 && key_of(logit) != 0u);
}

// Bin `value` of a level: its logits, then the two words of their weight.
fn bin_of(output: u32, level: u32, value: u32) -> u32 {
  return ((output * kLevels + level) * 3u) * kBins + value;
}

// What `level` found: lane i looks at bin 255 - i, since the greatest come first.
fn search(output: u32, level: u32, rule: DrawRule, lane: u32) -> Selection {
  var s = selections[output * (kLevels + 1u) + level];
  let bin = bin_of(output, level, kBins - 1u - lane);
  let n = atomicLoad(&bins[bin]);
  let low = atomicLoad(&bins[bin + kBins]);
  let high = atomicLoad(&bins[bin + 2u * kBins]);
  scan(Sums(n, f32(high) * kHighUnit + f32(low) * kLowUnit), lane);
  if (level == kLevels / 2u) {
    s.goal = rule.top_p * select(s.goal, sums[kLanes - 1u].weight, rule.top_k == 0u);
  }
  let enough_tokens = s.n_before + sums[lane].count >= rule.top_k;
  let enough_weight = s.weight_before + sums[lane].weight >= s.goal;
  let is_enough = select(enough_weight, enough_tokens, level < kLevels / 2u) && n > 0u;
  let last = min(first_lane(is_enough, n > 0u, lane), kLanes - 1u);
  let before = sums_before(last);
  let here = sums[last];
  return Selection((s.key << 8u) | (kBins - 1u - last), s.n_before + before.count,
                   here.count - before.count, s.weight_before + before.weight,
                   here.weight - before.weight, s.goal);
}

// The end of top_k's levels or of top_p's: of logits with equal keys the first tokens are kept.
fn end_of(found: Selection, by_weight: bool, rule: DrawRule) -> Selection {
  var s = found;
  let each = s.weight_here / f32(max(s.n_here, 1u));
  var wanted = rule.top_k - min(rule.top_k, s.n_before);
  if (by_weight) {
    wanted = s.n_here;
    if (each > 0.0) { wanted = u32(clamp(ceil((s.goal - s.weight_before) / each), 1.0, f32(s.n_here))); }
  }
  s.n_here = clamp(wanted, 1u, max(s.n_here, 1u));
  s.goal = s.weight_before + f32(s.n_here) * each;
  return s;
}

// Where `level` starts; its goal is the weight of what top_k keeps when it is the first of top_p's.
fn start_of(output: u32, level: u32, rule: DrawRule, lane: u32) -> Selection {
  if (level % (kLevels / 2u) != 0u) { return search(output, level - 1u, rule, lane); }
  var s = kNothingSelected;
  if (level > 0u && rule.top_k > 0u) {
    s.goal = end_of(search(output, level - 1u, rule, lane), false, rule).goal;
  }
  return s;
}

// The last of what the rule keeps; its key is 0 where that is everything.
fn last_kept(output: u32, rule: DrawRule, lane: u32) -> Selection {
  if (rule.top_p < 1.0) { return end_of(search(output, kLevels - 1u, rule, lane), true, rule); }
  if (rule.top_k > 0u) {
    return end_of(search(output, kLevels / 2u - 1u, rule, lane), false, rule);
  }
  return kNothingSelected;
}
