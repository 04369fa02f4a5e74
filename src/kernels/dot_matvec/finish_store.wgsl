//! A product's values go to their place in y, with a bias and added to what y holds if so chosen. Pairs are neighbours.

override HAS_BIAS: bool;
override ADD: bool;
override Y_STRIDE: u32;

@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [rows, Y_STRIDE]
@group(0) @binding(2) var<storage, read> bias: array<f32>;     // [N]; not read unless HAS_BIAS

fn store(row: u32, n: u32, sum: f32) {
  if (n >= N) { return; }
  let i = row * Y_STRIDE + p.y_first + n;
  var value = sum;
  if (HAS_BIAS) { value += bias[n]; }
  if (ADD) { value += y[i]; }
  y[i] = value;
}

fn finish(row: u32, pair: u32, values: vec2f) {
  store(row, 2u * pair, values.x);
  store(row, 2u * pair + 1u, values.y);
}
