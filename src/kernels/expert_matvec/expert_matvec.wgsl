//! Products with the matrices of chosen experts, of which W has p.experts, one below the other:
//!   y[row, choice, y_first + i] = (W_e x[row] + bias_e)[i],               or, if SUM,
//!   y[row, i] += sum over choices of weight (W_e x[row, choice] + bias_e)[i]
//! A workgroup has LANES_N x LANES_K lanes. A lane takes kPerLane rows of W, LANES_N apart, and of each every
//! LANES_K-th unit; the LANES_K partial sums are added at the end.
//! const kPerLane
//! grid: x: GROUP_N rows of a matrix, y: a row, z: a choice, or one if SUM
//! import: dot_add
//! import: weight
//! import: unit_place
//! import: x_quads
//! import: lane_sums
//! import: expert_choice

override LANES_N: u32;
override LANES_K: u32;
override SUM_PLACES: u32;  // at least sum_places()
override GROUP_N: u32 = LANES_N * kPerLane;
override SUM: bool;
override HAS_BIAS: bool;

struct Params {
  rows: u32,
  n: u32,  // rows of one expert's matrix
  k: u32,
  units: u32,  // of a row of W
  y_stride: u32,
  y_first: u32,
  used: u32,  // choices of a row
  first_expert: u32,
  experts: u32,
}
var<immediate> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;         // [rows, used, y_stride], or [rows, n]
@group(0) @binding(2) var<storage, read> bias: array<f32>;            // [all experts, n]; not read unless HAS_BIAS
@group(0) @binding(6) var<storage, read> choices: array<Choice>;      // [rows, used]

var<workgroup> partial: array<f32, SUM_PLACES * GROUP_N>;  // [place, n]

// Choices [x, y) of a row are this workgroup's.
fn my_choices(z: u32) -> vec2u { return select(vec2u(z, z + 1u), vec2u(0u, p.used), SUM); }

fn store(row: u32, z: u32, n: u32, sum: f32) {
  if (n >= p.n) { return; }
  var value = sum;
  var is_here = SUM;
  let mine = my_choices(z);
  for (var slot = mine.x; slot < mine.y; slot++) {
    let choice = choices[row * p.used + slot];
    if (choice.expert - p.first_expert >= p.experts) { continue; }
    is_here = true;
    if (HAS_BIAS) { value += select(1.0, choice.weight, SUM) * bias[choice.expert * p.n + n]; }
  }
  if (SUM) {
    y[row * p.n + n] += value;
  } else if (is_here) {
    y[(row * p.used + z) * p.y_stride + p.y_first + n] = value;
  }
}

@compute @workgroup_size(LANES_N * LANES_K)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let row = group.y;
  let first_n = group.x * GROUP_N;
  let my_n = first_n + lane_n(lane);
  let mine = my_choices(group.z);

  var sums: array<f32, kPerLane>;
  for (var slot = mine.x; slot < mine.y; slot++) {
    let choice = choices[row * p.used + slot];
    let expert = choice.expert - p.first_expert;  // past the end where it is an earlier one
    if (expert >= p.experts) { continue; }
    let x_row = select(row, row * p.used + slot, SUM);
    let weight = select(1.0, choice.weight, SUM);
    for (var unit = lane_k(lane); unit < p.units; unit += LANES_K) {
      let x_unit = load_x(x_row, unit, lane);
      var weights: array<Unit, kPerLane>;
      for (var i = 0u; i < kPerLane; i++) {
        weights[i] = load_unit(unit_place(expert * p.n + min(my_n + i * LANES_N, p.n - 1u), unit, p.units));
      }
      for (var quad = 0u; quad < UNIT / 4u; quad++) {
        let x_of_unit = weight * x_quad(x_unit, quad);
        for (var i = 0u; i < kPerLane; i++) {
          sums[i] = dot_add(unit_quad(weights[i], quad), x_of_unit, sums[i]);
        }
      }
    }
  }

  if (LANES_K == 1u) {
    for (var i = 0u; i < kPerLane; i++) { store(row, group.z, my_n + i * LANES_N, sums[i]); }
    return;
  }
  for (var i = 0u; i < kPerLane; i++) {
    let sum = join(sums[i], lane);
    if (sums_are_kept(lane)) {
      partial[(sum_place(lane) * kPerLane + i) * LANES_N + lane_n(lane)] = sum;
    }
  }
  workgroupBarrier();
  for (var i = lane.index; i < GROUP_N; i += LANES_N * LANES_K) {
    var sum = 0.0;
    for (var place = 0u; place < sum_places(lane); place++) { sum += partial[place * GROUP_N + i]; }
    store(row, group.z, first_n + i, sum);
  }
}
