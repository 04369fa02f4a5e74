//! y = silu(gate) * up, where silu(x) = x / (1 + exp(-x)); y takes the place of gate.
//! grid: x covers the columns, y: a row
//! import: silu

override WG: u32;

struct Params {
  rows: u32,
  cols: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read_write> gate: array<f32>;  // [rows, cols]
@group(0) @binding(1) var<storage, read> up: array<f32>;          // [rows, cols]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let col = group.x * WG + lane;
  if (col >= p.cols) { return; }
  let i = group.y * p.cols + col;
  gate[i] = silu(gate[i]) * up[i];
}
