//! What becomes of a tile's sums: they go to their place in y, with a bias and added to what y holds if so chosen.
//! Another choice is matmul_gate.

override HAS_BIAS: bool;
override ADD: bool;

@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;  // [rows, y_stride] or [splits, rows, n]
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;     // of each row of W; not read unless HAS_BIAS

const kStoredQuads = kQuads;  // of a row of sums

// The row of a matrix that is the n-th of the tiles.
fn row_of_w(n: u32) -> u32 { return min(n, p.n - 1u); }

// Quad `quad` of the sums that lie from `place` on and belong to `n` and its neighbours.
fn store(row: u32, n: u32, split: u32, place: u32, quad: u32) {
  let y_row = row_of_y(row);
  if (y_row == kNoRow || n + 4u * quad >= p.n) { return; }
  let i = ((split * p.rows + y_row) * p.y_stride + p.y_first + n) / 4u + quad;
  var value = bitcast<vec4f>(tile[place + quad]);
  if (HAS_BIAS) { value += bias[bias_of(row, n) / 4u + quad]; }
  if (ADD) { value += y[i]; }
  y[i] = value;
}
