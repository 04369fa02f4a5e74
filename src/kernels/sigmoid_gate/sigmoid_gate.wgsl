//! y[r, c] *= sigmoid(gate[r, c]), in place.
//! grid: x covers the columns, y: a row
//! import: elements
//! import: place

override WG: u32;

struct Params {
  rows: u32,
  cols: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gate: array<f32>;     // [rows, cols]
@group(0) @binding(1) var<storage, read_write> y: array<T>;    // [rows, cols]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = group.x * WG + lane;
  if (column >= p.cols) { return; }
  let at = place(group.y, column, p.cols);
  let open = 1.0 / (1.0 + exp(min(-gate[group.y * p.cols + column], 80.0)));  // exp(80) is finite
  y[at] = element(f32(y[at]) * open);
}
