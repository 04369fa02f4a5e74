//! y = x W^T (product.wgsl)
//! for many rows of x, in tiles of kTileRows x kTileN that a workgroup of 16 x 16 lanes computes. It walks along K
//! in steps of 32: x and the unpacked weights of a step go to workgroup memory, from which each lane multiplies
//! kTileRows / 16 rows by kTileN / 16 columns.
//! const kTileRows, kTileN: multiples of 16
//! grid: x: tiles of rows, y: tiles of N
//! import: dot_add
//! import: product
//! import: weight
//! import: unit_place
//! import: x_quads

const kSide = 16u;
const kLanes = kSide * kSide;
const kQuads = 8u;  // of a row of a tile
const kRowsOfLane = kTileRows / kSide;
const kColumnsOfLane = kTileN / kSide;

struct Lane {
  @builtin(local_invocation_index) index: u32,
}

var<workgroup> x_tile: array<vec4f, kTileRows * kQuads>;
var<workgroup> w_tile: array<vec4f, kTileN * kQuads>;

// Where a quad lies in a tile: neighbouring rows use different banks.
fn place(row: u32, quad: u32) -> u32 { return row * kQuads + (quad ^ (row % kQuads)); }

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let first_row = group.x * kTileRows;
  if (!has_tile(first_row)) { return; }
  let first_n = group.y * kTileN;
  let my_row = lane.index / kSide;
  let my_n = lane.index % kSide;
  let quads_of_row = p.units * (UNIT / 4u);

  var sums: array<f32, kRowsOfLane * kColumnsOfLane>;
  for (var first_quad = 0u; first_quad < quads_of_row; first_quad += kQuads) {
    for (var i = lane.index; i < kTileRows * kQuads; i += kLanes) {
      let row = row_of_x(first_row + i / kQuads);
      let quad = first_quad + i % kQuads;
      var values = vec4f();
      if (quad < quads_of_row) {
        values = x_quad(load_x(row, quad / (UNIT / 4u), lane), quad % (UNIT / 4u));
      }
      x_tile[place(i / kQuads, i % kQuads)] = values;
    }
    for (var i = lane.index; i < kTileN * kQuads; i += kLanes) {
      let n = row_in_w(first_row, min(first_n + i / kQuads, p.n - 1u));
      let quad = first_quad + i % kQuads;
      var values = vec4f();
      if (quad < quads_of_row) {
        values = unit_quad(load_unit(unit_place(n, quad / (UNIT / 4u), p.units)), quad % (UNIT / 4u));
      }
      w_tile[place(i / kQuads, i % kQuads)] = values;
    }
    workgroupBarrier();
    for (var quad = 0u; quad < kQuads; quad++) {
      var w: array<vec4f, kColumnsOfLane>;
      for (var j = 0u; j < kColumnsOfLane; j++) { w[j] = w_tile[place(my_n + j * kSide, quad)]; }
      for (var i = 0u; i < kRowsOfLane; i++) {
        let x_of_row = x_tile[place(my_row + i * kSide, quad)];
        for (var j = 0u; j < kColumnsOfLane; j++) {
          let sum = i * kColumnsOfLane + j;
          sums[sum] = dot_add(w[j], x_of_row, sums[sum]);
        }
      }
    }
    workgroupBarrier();
  }

  for (var i = 0u; i < kRowsOfLane; i++) {
    for (var j = 0u; j < kColumnsOfLane; j++) {
      store(first_row + my_row + i * kSide, first_n + my_n + j * kSide, sums[i * kColumnsOfLane + j]);
    }
  }
}
