//! An RMS norm of each head of a row by itself, times a gate:
//!   y[r, h, c] = x[r, h, c] * inverseSqrt(mean(x[r, h, :]^2) + eps) * w[c] * silu(gate[r, h, c])
//! grid: x: a head, y: a row
//! import: workgroup_sum
//! import: activation_silu
//! import: elements
//! import: place

override WG: u32;

struct Params {
  rows: u32,
  heads: u32,
  dim: u32,  // of a head
  eps: f32,
  gate_stride: u32,
  first_gate: u32,  // in a row of gate
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;        // [rows, heads, dim]
@group(0) @binding(1) var<storage, read> w: array<f32>;        // [dim]
@group(0) @binding(2) var<storage, read> gate: array<f32>;     // [rows, gate_stride]
@group(0) @binding(3) var<storage, read_write> y: array<T>;    // [rows, heads * dim]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let row = group.y;
  let first = group.x * p.dim;  // in the row
  let source = row * p.heads * p.dim + first;
  var squares = 0.0;
  for (var c = lane.index; c < p.dim; c += WG) { squares += x[source + c] * x[source + c]; }
  let scale = inverseSqrt(workgroup_sum(squares, lane) / f32(p.dim) + p.eps);
  let first_gate = row * p.gate_stride + p.first_gate + first;
  for (var c = lane.index; c < p.dim; c += WG) {
    let value = x[source + c] * scale * w[c] * activate(gate[first_gate + c]);
    y[place(row, first + c, p.heads * p.dim)] = element(value);
  }
}
