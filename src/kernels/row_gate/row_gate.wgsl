//! x[row, :] *= sigmoid(logits[row]), in place. exp(80) is finite, and 1 / exp(80) as good as 0.
//! import: elements
//! import: place
//! grid: x covers a row, y: a row

override WG: u32;

struct Params {
  rows: u32,
  cols: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> logits: array<f32>;   // [rows]
@group(0) @binding(1) var<storage, read_write> x: array<T>;  // [rows, cols]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = group.x * WG + lane;
  if (column >= p.cols) { return; }
  let at = place(group.y, column, p.cols);
  x[at] = element(f32(x[at]) / (1.0 + exp(min(-logits[group.y], 80.0))));
}
