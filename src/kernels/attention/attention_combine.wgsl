//! Puts the splits of rows that have several together, those that the row's window reaches:
//!   y = sum of acc[split] * exp(max[split] - max) / sum of sum[split] * exp(max[split] - max)
//! with a sink's share in the sum below.
//! const kSplit
//! grid: x covers the words of one row, y: a row
//! import: step
//! import: split_stats
//! import: attention_window
//! import: sinks

override WG: u32;

struct Params {
  rows: u32,
  n_heads: u32,
  max_splits: u32,
  words: u32,  // head_dim / 2
  window: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rows: array<Row>;
@group(0) @binding(1) var<storage, read> acc: array<vec2f>;  // [rows, n_heads, max_splits, words]
@group(0) @binding(2) var<storage, read> stats: array<Stats>;    // [rows, n_heads, max_splits]
@group(0) @binding(3) var<storage, read_write> y: array<vec2f>;  // [rows, n_heads, words]
@group(0) @binding(4) var<storage, read> sinks: array<f32>;      // [n_heads]; not read unless SINKS

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = group.x * WG + lane;
  if (place >= p.n_heads * p.words) { return; }
  let pos = rows[group.y].pos;
  if (is_single_split(pos)) { return; }
  let splits = (group.y * p.n_heads + place / p.words) * p.max_splits;
  let first = splits + first_seen(pos) / kSplit;
  let end = splits + pos / kSplit + 1u;

  var largest = stats[first].max;
  for (var i = first + 1u; i < end; i++) { largest = max(largest, stats[i].max); }
  var sum = 0.0;
  var value = vec2f(0.0);
  for (var i = first; i < end; i++) {
    let weight = exp(stats[i].max - largest);
    sum += weight * stats[i].sum;
    value += weight * acc[i * p.words + place % p.words];
  }
  var sink = 0.0;
  if (SINKS) { sink = sinks[place / p.words]; }
  let end_of_softmax = with_sink(largest, sum, sink);
  y[group.y * p.n_heads * p.words + place] = value * end_of_softmax.x / end_of_softmax.y;
}
