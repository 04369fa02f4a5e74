//! y = x W^T (product.wgsl)
//! for few rows of x: a weight is read once for kRows of them.
//! A workgroup has LANES_N x LANES_K lanes. A lane takes kPerLane rows of W, LANES_N apart, and of each every
//! LANES_K-th unit (the elements of one 16-byte load); the LANES_K partial sums are added at the end.
//! const kRows, kPerLane
//! grid: x: GROUP_N rows of W, y: kRows rows of x
//! import: dot_add
//! import: product
//! import: weight
//! import: unit_place
//! import: x_quads
//! import: lane_sums

override LANES_N: u32;
override LANES_K: u32;
override SUM_PLACES: u32;  // at least sum_places()
override GROUP_N: u32 = LANES_N * kPerLane;

var<workgroup> partial: array<f32, SUM_PLACES * kRows * GROUP_N>;  // [place, row, n]

@compute @workgroup_size(LANES_N * LANES_K)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let first_row = group.y * kRows;
  let first_n = group.x * GROUP_N;
  let my_n = first_n + lane_n(lane);

  var sums: array<f32, kRows * kPerLane>;
  for (var unit = lane_k(lane); unit < p.units; unit += LANES_K) {
    var weights: array<Unit, kPerLane>;
    for (var i = 0u; i < kPerLane; i++) {
      weights[i] = load_unit(unit_place(min(my_n + i * LANES_N, p.n - 1u), unit, p.units));
    }
    var xs: array<XUnit, kRows>;
    for (var row = 0u; row < kRows; row++) {
      xs[row] = load_x(min(first_row + row, p.rows - 1u), unit, lane);
    }
    for (var quad = 0u; quad < UNIT / 4u; quad++) {
      var w: array<vec4f, kPerLane>;
      for (var i = 0u; i < kPerLane; i++) { w[i] = unit_quad(weights[i], quad); }
      for (var row = 0u; row < kRows; row++) {
        let x_of_row = x_quad(xs[row], quad);
        for (var i = 0u; i < kPerLane; i++) {
          let sum = row * kPerLane + i;
          sums[sum] = dot_add(w[i], x_of_row, sums[sum]);
        }
      }
    }
  }

  if (LANES_K == 1u) {
    for (var row = 0u; row < kRows; row++) {
      for (var i = 0u; i < kPerLane; i++) {
        store(first_row + row, my_n + i * LANES_N, sums[row * kPerLane + i]);
      }
    }
    return;
  }
  for (var i = 0u; i < kRows * kPerLane; i++) {
    let sum = join(sums[i], lane);
    if (sums_are_kept(lane)) {
      partial[(sum_place(lane) * kRows * kPerLane + i) * LANES_N + lane_n(lane)] = sum;
    }
  }
  workgroupBarrier();
  for (var i = lane.index; i < kRows * GROUP_N; i += LANES_N * LANES_K) {
    var sum = 0.0;
    for (var place = 0u; place < sum_places(lane); place++) {
      sum += partial[place * kRows * GROUP_N + i];
    }
    store(first_row + i / GROUP_N, first_n + i % GROUP_N, sum);
  }
}
