//! Adds what the splits of matmul_subgroup left:
//!   y[row, y_first + n] = sum over splits of parts[split, row, n]   + bias[n] if HAS_BIAS   + what it held if ADD
//! grid: x covers the quads of a row of parts, y: a row

override WG: u32;
override SPLITS: u32;
override HAS_BIAS: bool;
override ADD: bool;

struct Params {
  rows: u32,
  n: u32,  // a multiple of 4, as y_stride and y_first
  y_stride: u32,
  y_first: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> parts: array<vec4f>;    // [SPLITS, rows, n]
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;  // [rows, y_stride]
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;     // [n]; not read unless HAS_BIAS

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quad = group.x * WG + lane;
  if (quad >= p.n / 4u) { return; }
  let i = (group.y * p.y_stride + p.y_first) / 4u + quad;
  var value = vec4f(0.0);
  for (var split = 0u; split < SPLITS; split++) {
    value += parts[(split * p.rows + group.y) * (p.n / 4u) + quad];
  }
  if (HAS_BIAS) { value += bias[quad]; }
  if (ADD) { value += y[i]; }
  y[i] = value;
}
