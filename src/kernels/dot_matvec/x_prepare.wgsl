//! Makes a row of x into units of x_int16 that x_place keeps, all lanes of a workgroup together.
//! const kRounds: what the workgroup's lanes need to take eight elements each, for all of K
//! import: lane_subgroup
//! import: source_row
//! import: x_norm
//! import: x_place

override WG: u32;
override K: u32;  // elements of a row, a multiple of 32

@group(0) @binding(0) var<storage, read> x_rows: array<vec4f>;  // [source rows, K / 4]

fn largest(a: vec4f, b: vec4f) -> f32 {
  let m = max(abs(a), abs(b));
  return max(max(m.x, m.y), max(m.z, m.w));
}

// Four lanes side by side have the eights of a unit.
fn max_of_unit(of_eight: f32) -> f32 {
  let of_half = max(of_eight, subgroupShuffleXor(of_eight, 1u));
  return max(of_half, subgroupShuffleXor(of_half, 2u));
}

fn put_unit_of_four(eight: u32, row: u32, a: vec4f, b: vec4f) {
  let scale = max_of_unit(largest(a, b)) / kLevels;
  let levels = select(1.0 / scale, 0.0, scale < 1e-30);
  let q = array(vec4i(round(a * levels)), vec4i(round(b * levels)));
  let high = array((q[0] + 128) >> vec4u(8u), (q[1] + 128) >> vec4u(8u));
  let low = array(q[0] - 256 * high[0], q[1] - 256 * high[1]);
  let sum = dot(q[0], vec4i(1)) + dot(q[1], vec4i(1));
  let sum_of_half = sum + subgroupShuffleXor(sum, 1u);
  let sum_of_other = subgroupShuffleXor(sum_of_half, 2u);
  if (eight >= K / 8u) { return; }
  put_eight(row, eight, in_dot_order(high[0], high[1]), in_dot_order(low[0], low[1]));
  if (eight % 4u == 0u) {
    put_line(row, eight / 4u, scale * vec4f(1.0, f32(sum_of_half), f32(sum_of_other), 0.0));
  }
}

fn in_dot_order(a: vec4i, b: vec4i) -> vec2u {
  return vec2u(pack4xI8(vec4i(a.x, b.x, a.y, b.y)), pack4xI8(vec4i(a.z, b.z, a.w, b.w)));
}

fn prepare_x(row: u32, lane: Lane) {
  let first = source_row(row) * (K / 4u);
  var a: array<vec4f, kRounds>;
  var b: array<vec4f, kRounds>;
  var squares = 0.0;
  for (var i = 0u; i < kRounds; i++) {  //! unroll
    let eight = place_in_workgroup(lane) + i * WG;
    let at = 2u * min(eight, K / 8u - 1u);  // past the end: the last once more
    a[i] = x_rows[first + at];
    b[i] = x_rows[first + at + 1u];
    if (eight < K / 8u) { squares += dot(a[i], a[i]) + dot(b[i], b[i]); }
    a[i] *= norm_weight(at);
    b[i] *= norm_weight(at + 1u);
  }
  let factor = norm_factor(squares, K, lane);
  for (var i = 0u; i < kRounds; i++) {  //! unroll
    put_unit_of_four(place_in_workgroup(lane) + i * WG, row, factor * a[i], factor * b[i]);
  }
  workgroupBarrier();
}
