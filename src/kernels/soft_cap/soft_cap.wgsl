//! x = cap * tanh(x / cap), in place.
//! grid: x covers a row, y: a row
//! import: soft_cap_of

override WG: u32;

struct Params {
  rows: u32,
  cols: u32,
  cap: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read_write> x: array<f32>;  // [rows, cols]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = group.x * WG + lane;
  if (column >= p.cols) { return; }
  let place = group.y * p.cols + column;
  x[place] = soft_cap(x[place], p.cap);
}
