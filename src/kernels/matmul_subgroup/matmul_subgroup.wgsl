//! y = x W^T, or what `finish` makes of it, for many rows of x, in tiles of kTileRows x kTileN on matrix units. A workgroup walks along K in steps
//! of kTileK: halves of x and of the unpacked weights of a step go to workgroup memory, and each subgroup multiplies
//! kPartRows rows by kPartN columns. Where several workgroups share the K of a tile, y is [splits, rows, n], for
//! matmul_join.
//! const kCols: of W; kSteps: along K, of a workgroup. Drivers make the loop faster when they know them
//! const kTileRows, kTileN, kTileK, kPartRows, kPartN; a tile's parts are as many as subgroups
//! const kRowMatrices, kColumnMatrices, kDepthMatrices: of a part, and of kTileK
//! const kRun: eights of a unit that a lane unpacks together
//! const kXLoads, kWLoads: eights of x and runs of W of a lane
//! const kLanes: of a workgroup
//! grid: x: tiles of rows, y: tiles of N, z: splits
//! import: subgroup_matrix
//! import: unit_halves
//! import: unit_place
//! import: place_chunks
//! import: tile_rows
//! import: finish

struct Params {
  rows: u32,
  n: u32,      // rows of W, or of each matrix in it; a multiple of 4, as y_stride and y_first
  units: u32,  // of a row of W
  y_stride: u32,
  y_first: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<vec4u>;        // f16 [rows, kCols], in chunks

const kEights = kTileK / 8u;  // of a row of a tile
const kStride = kEights + 1u;  // one more keeps neighbouring rows in different banks
const kWPlace = kTileRows * kStride;

// What a lane stages lies in one column of the tiles, as many rows apart as the lanes of a workgroup fill.
const kRuns = kEights / kRun;  // of a row of W
const kXApart = kLanes / kEights;
const kWApart = kLanes / kRuns;

const kPartsN = kTileN / kPartN;
const kParts = kTileRows / kPartRows * kPartsN;

// Sums leave through the same memory, kM rows of a part at a time: whole rows where they fit.
const kTileSize = (kTileRows + kTileN) * kStride;
const kSumsN = select(kN, kPartN, kParts * kM * (kPartN / 4u + 1u) <= kTileSize);
const kSumsMatrices = kSumsN / kN;
const kQuads = kSumsN / 4u;
const kSumsStride = kQuads + 1u;
const kSumsPlace = kM * kSumsStride;  // of a subgroup

var<workgroup> tile: array<vec4u, max(kTileSize, kParts * kSumsPlace)>;

// A run of eights of W, as halves.
fn store_w(place: u32, first_eight: u32, unit: Unit) {
  for (var i = 0u; i < kRun; i++) {  //! unroll
    tile[place + i] = unit_halves(unit, select(first_eight + i, i, kRun == UNIT / 8u));
  }
}

// The sums of a subgroup that lie in `tile`, to `row` and `n` on.
fn store_tile(first_row: u32, first_n: u32, split: u32, lane: Lane) {
  workgroupBarrier();
  for (var quad = lane.in_subgroup; quad < kM * kStoredQuads; quad += kLanes / kParts) {
    let row = quad / kStoredQuads;
    let sums = lane.subgroup * kSumsPlace + row * kSumsStride;
    store(first_row + row, first_n, split, sums, quad % kStoredQuads);
  }
  workgroupBarrier();
}

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let first_row = group.x * kTileRows;
  if (!has_tile(first_row)) { return; }
  let first_n = group.y * kTileN;
  let part_row = lane.subgroup / kPartsN * kPartRows;
  let part_n = lane.subgroup % kPartsN * kPartN;

  let x_row = lane.index / kEights;
  let x_place = x_row * kStride + lane.index % kEights;
  let w_row = lane.index / kRuns;
  let w_eight = lane.index % kRuns * kRun;
  let w_place = kWPlace + w_row * kStride + w_eight;
  var x_from: array<u32, kXLoads>;
  var w_from: array<u32, kWLoads>;
  for (var i = 0u; i < kXLoads; i++) {  //! unroll
    let row = row_of_x(first_row + x_row + i * kXApart);
    x_from[i] = place(row, lane.index % kEights * 8u, kCols) / 8u;
  }
  for (var i = 0u; i < kWLoads; i++) {  //! unroll
    let n = row_of_w(first_n + w_row + i * kWApart);
    w_from[i] = unit_place(row_in_w(first_row, n), w_eight / (UNIT / 8u), p.units);
  }

  var sums: array<Sums, kRowMatrices * kColumnMatrices>;
  // What the next step multiplies is on its way while this one does.
  var next_x: array<vec4u, kXLoads>;
  var next_w: array<Unit, kWLoads>;
  let begin_k = group.z * kSteps * kTileK;
  for (var i = 0u; i < kXLoads; i++) {  //! unroll
    next_x[i] = x[x_from[i] + begin_k];
  }
  for (var i = 0u; i < kWLoads; i++) {  //! unroll
    next_w[i] = load_unit(w_from[i] + begin_k / UNIT * kRowGroup);
  }
  for (var step = 0u; step < kSteps; step++) {
    for (var i = 0u; i < kXLoads; i++) {  //! unroll
      if ((i + 1u) * kXApart <= kTileRows || x_row + i * kXApart < kTileRows) {
        tile[x_place + i * kXApart * kStride] = next_x[i];
      }
    }
    for (var i = 0u; i < kWLoads; i++) {  //! unroll
      if ((i + 1u) * kWApart <= kTileN || w_row + i * kWApart < kTileN) {
        store_w(w_place + i * kWApart * kStride, w_eight % (UNIT / 8u), next_w[i]);
      }
    }
    workgroupBarrier();
    let next_k = begin_k + min(step + 1u, kSteps - 1u) * kTileK;
    for (var i = 0u; i < kXLoads; i++) {  //! unroll
      next_x[i] = x[x_from[i] + next_k];
    }
    for (var i = 0u; i < kWLoads; i++) {  //! unroll
      next_w[i] = load_unit(w_from[i] + next_k / UNIT * kRowGroup);
    }
    let row_place = part_row * kStride;
    let column_place = kWPlace + part_n * kStride;
    for (var k = 0u; k < kDepthMatrices; k++) {  //! unroll
      var rows: array<Left, kRowMatrices>;
      for (var i = 0u; i < kRowMatrices; i++) {  //! unroll
        rows[i] = subgroupMatrixLoad<Left, row_major>(&tile, row_place + i * kM * kStride + k * kK / 8u, kStride);
      }
      for (var j = 0u; j < kColumnMatrices; j++) {  //! unroll
        let column =
            subgroupMatrixLoad<Right, col_major>(&tile, column_place + j * kN * kStride + k * kK / 8u, kStride);
        for (var i = 0u; i < kRowMatrices; i++) {  //! unroll
          sums[i * kColumnMatrices + j] =
              subgroupMatrixMultiplyAccumulate(rows[i], column, sums[i * kColumnMatrices + j]);
        }
      }
    }
    workgroupBarrier();
  }

  for (var i = 0u; i < kRowMatrices; i++) {  //! unroll
    for (var j = 0u; j < kColumnMatrices; j++) {  //! unroll
      let place = lane.subgroup * kSumsPlace + j % kSumsMatrices * kN / 4u;
      subgroupMatrixStore<row_major>(&tile, place, sums[i * kColumnMatrices + j], kSumsStride);
      if ((j + 1u) % kSumsMatrices == 0u) {
        store_tile(first_row + part_row + i * kM,
                   first_n + part_n + (j + 1u - kSumsMatrices) * kN, group.z, lane);
      }
    }
  }
}
