//! What becomes of a tile's sums where W has the rows of a gate and then as many of what it gates:
//! y = activate(gate) * up, as f16 in chunks. A part of a tile has columns of the gate and then those that belong to them.
//! import: activation
//! import: elements
//! import: place_chunks

@group(0) @binding(1) var<storage, read_write> y: array<vec4<T>>;  // [rows, n / 2]

const kGates = kPartN / 2u;  // of a part
const kStoredQuads = kGates / 4u;

// The row of W that is the n-th of the tiles.
fn row_of_w(n: u32) -> u32 {
  let gate = min(n / kPartN * kGates + n % kGates, p.n / 2u - 1u);
  return n % kPartN / kGates * (p.n / 2u) + gate;
}

// Quad `quad` of what the sums of the part at `n`, which lie from `sums` on, become.
fn store(row: u32, n: u32, split: u32, sums: u32, quad: u32) {
  let column = n / 2u + 4u * quad;
  if (row >= p.rows || column >= p.n / 2u) { return; }
  let gate = bitcast<vec4f>(tile[sums + quad]);
  let up = bitcast<vec4f>(tile[sums + kStoredQuads + quad]);
  let activated = vec4f(activate(gate.x), activate(gate.y), activate(gate.z), activate(gate.w));
  y[place(row, column, p.n / 2u) / 4u] = elements(activated * up);
}
