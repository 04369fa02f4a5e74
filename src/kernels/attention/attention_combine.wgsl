//! Puts the splits of rows that have several together, those that the row's window reaches:
//!   y = sum of acc[split] * exp(max[split] - max) / sum of sum[split] * exp(max[split] - max)
//! with a sink's share in the sum below. Lanes of a workgroup that stand words apart take the splits in turn, four at
//! a time, so that few loads wait for one another.
//! const kSplit
//! grid: x: a head, y: a row
//! import: step
//! import: split_stats
//! import: attention_window
//! import: sinks

override WG: u32;     // at least WORDS
override WORDS: u32;  // head_dim / 2

struct Params {
  rows: u32,
  n_heads: u32,
  max_splits: u32,
  window: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rows: array<Row>;
@group(0) @binding(1) var<storage, read> acc: array<vec2f>;  // [rows, n_heads, max_splits, WORDS]
@group(0) @binding(2) var<storage, read> stats: array<Stats>;    // [rows, n_heads, max_splits]
@group(0) @binding(3) var<storage, read_write> y: array<vec2f>;  // [rows, n_heads, WORDS]
@group(0) @binding(4) var<storage, read> sinks: array<f32>;      // [n_heads]; not read unless SINKS

const kLowest = -1e30;
override IN_TURN: u32 = WG / WORDS;

struct Part {
  stats: Stats,
  value: vec2f,
}
var<workgroup> parts: array<Part, WG>;

fn together(a: Part, b: Part) -> Part {
  let largest = max(a.stats.max, b.stats.max);
  let of_a = exp(a.stats.max - largest);
  let of_b = exp(b.stats.max - largest);
  return Part(Stats(largest, of_a * a.stats.sum + of_b * b.stats.sum), of_a * a.value + of_b * b.value);
}

// Of a split, or of none from `end` on.
fn part_of(split: u32, end: u32, word: u32) -> Part {
  let i = min(split, end - 1u);
  let is_one = split < end;
  return Part(Stats(select(kLowest, stats[i].max, is_one), select(0.0, stats[i].sum, is_one)),
              select(vec2f(), acc[i * WORDS + word], is_one));
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pos = rows[group.y].pos;
  if (is_single_split(pos)) { return; }  // the whole workgroup leaves
  let head = group.y * p.n_heads + group.x;
  let splits = head * p.max_splits;
  let end = splits + pos / kSplit + 1u;
  let word = lane % WORDS;

  var mine = Part(Stats(kLowest, 0.0), vec2f());
  for (var i = splits + first_seen(pos) / kSplit + lane / WORDS; i < end; i += 4u * IN_TURN) {
    let a = part_of(i, end, word);
    let b = part_of(i + IN_TURN, end, word);
    let c = part_of(i + 2u * IN_TURN, end, word);
    let d = part_of(i + 3u * IN_TURN, end, word);
    mine = together(mine, together(together(a, b), together(c, d)));
  }
  parts[lane] = mine;
  workgroupBarrier();

  if (lane >= WORDS) { return; }
  for (var i = 1u; i < IN_TURN; i++) { mine = together(mine, parts[lane + i * WORDS]); }
  var sink = 0.0;
  if (SINKS) { sink = sinks[group.x]; }
  let end_of_softmax = with_sink(mine.stats.max, mine.stats.sum, sink);
  y[head * WORDS + lane] = mine.value * end_of_softmax.x / end_of_softmax.y;
}
