//! Divides each row of x, or what it is apart from its mean, by its root mean square and scales it by w:
//!   y[r, c] = x[s, c] * w[c] * inverseSqrt(mean(x[s, :]^2) + eps),  s = source_row(r)
//! A lane keeps its part of the row, so that all loads are on their way at once.
//! const kRounds: what the workgroup's lanes need to take one column each, for all of a row
//! grid: one workgroup a row, folded past 65535 rows
//! import: workgroup_sum
//! import: source_row
//! import: elements
//! import: place

override WG: u32;
override ADD: bool;       // to what y holds
override CENTERED: bool;  // x - mean(x) stands for x
override HAS_BIAS: bool;

struct Params {
  rows: u32,
  cols: u32,
  eps: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;        // [source rows, cols]
@group(0) @binding(1) var<storage, read> w: array<f32>;        // [cols], and the biases
@group(0) @binding(2) var<storage, read_write> y: array<T>;    // [rows, cols]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, lane: Lane) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }  // the whole workgroup leaves: barriers stay uniform
  let source = source_row(row) * p.cols;
  var values: array<f32, kRounds>;
  var weights: array<f32, kRounds>;
  for (var i = 0u; i < kRounds; i++) {  //! unroll
    let c = min(lane.index + i * WG, p.cols - 1u);
    values[i] = x[source + c];
    weights[i] = w[c];
  }
  if (CENTERED) {
    var sum = 0.0;
    for (var i = 0u; i < kRounds; i++) {  //! unroll
      if (lane.index + i * WG < p.cols) { sum += values[i]; }
    }
    let mean = workgroup_sum(sum, lane) / f32(p.cols);
    for (var i = 0u; i < kRounds; i++) {  //! unroll
      values[i] -= mean;
    }
  }
  var squares = 0.0;
  for (var i = 0u; i < kRounds; i++) {  //! unroll
    if (lane.index + i * WG < p.cols) { squares += values[i] * values[i]; }
  }
  let scale = inverseSqrt(workgroup_sum(squares, lane) / f32(p.cols) + p.eps);
  for (var i = 0u; i < kRounds; i++) {  //! unroll
    let c = lane.index + i * WG;
    if (c < p.cols) {
      let at = place(row, c, p.cols);
      var value = values[i] * scale * weights[i];
      if (HAS_BIAS) { value += w[p.cols + c]; }
      if (ADD) { value += f32(y[at]); }
      y[at] = element(value);
    }
  }
}
