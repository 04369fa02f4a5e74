//! What the kernels of y = x W^T share: parameters, and the store of a result,
//!   y[row, y_first + n] = sum   + bias[n] if HAS_BIAS   + what it held if ADD
//! import: tile_rows

override HAS_BIAS: bool;
override ADD: bool;

struct Params {
  rows: u32,
  n: u32,      // rows of W, or of each matrix in it
  k: u32,
  units: u32,  // of a row of W
  y_stride: u32,
  y_first: u32,
}
var<immediate> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [rows, y_stride]
@group(0) @binding(2) var<storage, read> bias: array<f32>;     // [n]; not read unless HAS_BIAS

fn store(row: u32, n: u32, sum: f32) {
  let y_row = row_of_y(row);
  if (y_row == kNoRow || n >= p.n) { return; }
  let i = y_row * p.y_stride + p.y_first + n;
  var value = sum;
  if (HAS_BIAS) { value += bias[bias_of(row, n)]; }
  if (ADD) { value += y[i]; }
  y[i] = value;
}
