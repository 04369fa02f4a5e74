//! What becomes of a tile's sums where W has the rows of a gate and then as many of what it gates:
//! y = gated(gate, up), as f16 in chunks. A part of a tile has columns of the gate and then those that belong to them.
//! import: activation
//! import: elements
//! import: place_chunks

override HAS_BIAS: bool;

@group(0) @binding(1) var<storage, read_write> y: array<vec4<T>>;  // [rows, n / 2]
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;          // of each row of W; not read unless HAS_BIAS

const kGates = kPartN / 2u;  // of a part
const kStoredQuads = kGates / 4u;

// The row of a matrix that is the n-th of the tiles.
fn row_of_w(n: u32) -> u32 {
  let gate = min(n / kPartN * kGates + n % kGates, p.n / 2u - 1u);
  return n % kPartN / kGates * (p.n / 2u) + gate;
}

// Quad `quad` of what the sums of the part at `n`, which lie from `sums` on, become.
fn store(row: u32, n: u32, split: u32, sums: u32, quad: u32) {
  let column = n / 2u + 4u * quad;
  let y_row = row_of_y(row);
  if (y_row == kNoRow || column >= p.n / 2u) { return; }
  var gate = bitcast<vec4f>(tile[sums + quad]);
  var up = bitcast<vec4f>(tile[sums + kStoredQuads + quad]);
  if (HAS_BIAS) {
    gate += bias[bias_of(row, column) / 4u];
    up += bias[bias_of(row, p.n / 2u + column) / 4u];
  }
  let value = vec4f(gated(gate.x, up.x), gated(gate.y, up.y), gated(gate.z, up.z), gated(gate.w, up.w));
  y[place(y_row, column, p.n / 2u) / 4u] = elements(value);
}
