//! y = silu(gate) * up, where silu(x) = x / (1 + exp(-x)); y takes the place of gate.
//! grid: x covers the columns, y: a row

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
  let x = gate[i];
  // exp(80) is finite, and x / exp(80) as good as 0.
  gate[i] = x / (1.0 + exp(min(-x, 80.0))) * up[i];
}
