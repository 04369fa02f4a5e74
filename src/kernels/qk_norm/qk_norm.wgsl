//! RMS norms in place of parts of a row: of q and k before they are rotated. A row begins with q's parts, k's
//! follow, and what comes then stays as it is. The norm of a part is over its elements alone:
//!   x[c] = x[c] * w[c] * inverseSqrt(mean(x^2) + eps)
//! grid: x: a part, y: a row
//! import: workgroup_sum

override WG: u32;

struct Params {
  rows: u32,
  row_width: u32,
  q_parts: u32,
  q_size: u32,  // of a part
  k_size: u32,
  eps: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> w: array<f32>;         // [q_size + k_size]: of q's parts, of k's
@group(0) @binding(1) var<storage, read_write> x: array<f32>;   // [rows, row_width]

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let is_k = group.x >= p.q_parts;
  let size = select(p.q_size, p.k_size, is_k);
  let k_first = p.q_parts * p.q_size + (group.x - p.q_parts) * p.k_size;
  let first = group.y * p.row_width + select(group.x * p.q_size, k_first, is_k);
  let first_w = select(0u, p.q_size, is_k);
  var squares = 0.0;
  for (var c = lane.index; c < size; c += WG) {
    let value = x[first + c];
    squares += value * value;
  }
  let scale = inverseSqrt(workgroup_sum(squares, lane) / f32(size) + p.eps);
  for (var c = lane.index; c < size; c += WG) { x[first + c] *= scale * w[first_w + c]; }
}
