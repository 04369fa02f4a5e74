//! Stands in for subgroup_matrix where there are no matrix units, so that the kernels on them can be tested there:
//! each lane of a subgroup has a row. kM is at most the size of a subgroup; kN and kK are multiples of 8. Calls of
//! WGSL's functions become calls of these (subgroup_matrix.cpp).
//! enable: subgroups

struct Left {
  row: array<f32, kK>,
}
struct Right {
  rows: array<array<f32, kN>, kK>,
}
struct Sums {
  row: array<f32, kN>,
}

struct Lane {
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) in_subgroup: u32,
  @builtin(subgroup_id) subgroup: u32,
}

// Half i of those that begin at `first`.
fn half_at(first: u32, i: u32) -> f32 {
  return unpack2x16float(tile[first + i / 8u][i % 8u / 2u])[i % 2u];
}

fn load_left(lane: Lane, first: u32, stride: u32) -> Left {
  var left: Left;
  let row = min(lane.in_subgroup, kM - 1u);
  for (var k = 0u; k < kK; k++) { left.row[k] = half_at(first + row * stride, k); }
  return left;
}

fn load_right(lane: Lane, first: u32, stride: u32) -> Right {
  var right: Right;
  for (var k = 0u; k < kK; k++) {
    for (var n = 0u; n < kN; n++) { right.rows[k][n] = half_at(first + k * stride, n); }
  }
  return right;
}

fn load_right_transposed(lane: Lane, first: u32, stride: u32) -> Right {
  var right: Right;
  for (var n = 0u; n < kN; n++) {
    for (var k = 0u; k < kK; k++) { right.rows[k][n] = half_at(first + n * stride, k); }
  }
  return right;
}

fn load_sums(lane: Lane, first: u32, stride: u32) -> Sums {
  var sums: Sums;
  let row = min(lane.in_subgroup, kM - 1u);
  for (var n = 0u; n < kN; n++) {
    sums.row[n] = bitcast<f32>(tile[first + row * stride + n / 4u][n % 4u]);
  }
  return sums;
}

fn store_sums(lane: Lane, first: u32, sums: Sums, stride: u32) {
  if (lane.in_subgroup >= kM) { return; }
  for (var n = 0u; n < kN; n++) {
    tile[first + lane.in_subgroup * stride + n / 4u][n % 4u] = bitcast<u32>(sums.row[n]);
  }
}

fn multiply_add(left: Left, right: Right, sums: Sums) -> Sums {
  var result = sums;
  for (var k = 0u; k < kK; k++) {
    for (var n = 0u; n < kN; n++) { result.row[n] += left.row[k] * right.rows[k][n]; }
  }
  return result;
}
