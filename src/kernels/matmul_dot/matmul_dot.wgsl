//! y = x W^T (product.wgsl)
//! for many rows of x and a quantised W, in integers (unit_dot_int16), in tiles of kTileRows x kTileN that a workgroup
//! of 8 x 16 lanes computes. It walks along K unit by unit: those of x and the unpacked ones of W go to workgroup
//! memory, from which each lane multiplies kRowsOfLane rows by kColumnsOfLane columns.
//! const kTileRows = 8 kRowsOfLane, kTileN = 16 kColumnsOfLane
//! grid: x: tiles of rows, y: tiles of N
//! import: product
//! import: unit_dot_int16
//! import: unit_place

const kLaneRows = 8u;
const kLanesN = 16u;
const kLanes = kLaneRows * kLanesN;

@group(0) @binding(0) var<storage, read> x_bytes: array<vec4u>;  // [rows, units, high and low, 2]: x_place_units
@group(0) @binding(8) var<storage, read> x_lines: array<vec4f>;  // [rows, units]

var<workgroup> x_tile: array<vec4u, 4u * kTileRows>;  // [rows, high and low, 2]
var<workgroup> x_tile_lines: array<vec4f, kTileRows>;
var<workgroup> w_tile: array<vec4u, 2u * kTileN>;           // [halves, n]
var<workgroup> w_tile_lines: array<vec2f, LINES * kTileN>;  // likewise

fn stage_x(first_row: u32, unit: u32, lane: u32) {
  for (var i = lane; i < 4u * kTileRows; i += kLanes) {
    x_tile[i] = x_bytes[4u * (row_of_x(first_row + i / 4u) * p.units + unit) + i % 4u];
  }
  for (var i = lane; i < kTileRows; i += kLanes) {
    x_tile_lines[i] = x_lines[row_of_x(first_row + i) * p.units + unit];
  }
}

fn stage_w(first_row: u32, first_n: u32, unit: u32, lane: u32) {
  for (var i = lane; i < 2u * kTileN; i += kLanes) {
    let half = i / kTileN;
    let n = row_in_w(first_row, min(first_n + i % kTileN, p.n - 1u));
    let loaded = load_unit(unit_place(n, unit, p.units));
    w_tile[i] = words_of_half(loaded, half);
    if (half < LINES) { w_tile_lines[i] = unit_line(loaded, half); }
  }
}

fn words_at(n: u32) -> Words {
  return Words(w_tile[n], w_tile[kTileN + n], w_tile_lines[n], w_tile_lines[(LINES - 1u) * kTileN + n]);
}

fn x_at(row: u32) -> XUnit {
  let high = array(x_tile[4u * row], x_tile[4u * row + 1u]);
  let low = array(x_tile[4u * row + 2u], x_tile[4u * row + 3u]);
  return XUnit(array(high[0].xy, high[0].zw, high[1].xy, high[1].zw), array(low[0].xy, low[0].zw, low[1].xy, low[1].zw),
               x_tile_lines[row]);
}

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first_row = group.x * kTileRows;
  if (!has_tile(first_row)) { return; }
  let first_n = group.y * kTileN;
  let my_row = lane / kLanesN;
  let my_n = lane % kLanesN;

  var sums: array<f32, kRowsOfLane * kColumnsOfLane>;
  for (var unit = 0u; unit < p.units; unit++) {
    stage_x(first_row, unit, lane);
    stage_w(first_row, first_n, unit, lane);
    workgroupBarrier();
    var w: array<Words, kColumnsOfLane>;
    for (var j = 0u; j < kColumnsOfLane; j++) {  //! unroll
      w[j] = words_at(my_n + j * kLanesN);
    }
    for (var i = 0u; i < kRowsOfLane; i++) {  //! unroll
      let x = x_at(my_row + i * kLaneRows);
      for (var j = 0u; j < kColumnsOfLane; j++) {  //! unroll
        sums[i * kColumnsOfLane + j] += words_dot(w[j], x);
      }
    }
    workgroupBarrier();
  }

  for (var i = 0u; i < kRowsOfLane; i++) {  //! unroll
    for (var j = 0u; j < kColumnsOfLane; j++) {  //! unroll
      store(first_row + my_row + i * kLaneRows, first_n + my_n + j * kLanesN, sums[i * kColumnsOfLane + j]);
    }
  }
}
