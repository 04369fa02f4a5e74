//! What an RMS norm makes of x: x[c] norm_weight[c] / sqrt(mean(x^2) + EPS).
//! import: workgroup_sum

const HAS_NORM = true;

override EPS: f32;

@group(0) @binding(8) var<storage, read> norm_weights: array<vec4f>;  // [columns / 4]

fn norm_weight(quad: u32) -> vec4f { return norm_weights[quad]; }

// `squares`: the sum of this lane's. Every lane calls it.
fn norm_factor(squares: f32, columns: u32, lane: Lane) -> f32 {
  return inverseSqrt(workgroup_sum(squares, lane) / f32(columns) + EPS);
}
