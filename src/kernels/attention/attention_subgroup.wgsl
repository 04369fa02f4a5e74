//! attention_tile on matrix units (flash attention, Dao et al. 2022): f16 multiplicands, f32 sums.
//! A workgroup takes kPairs (row, head) pairs whose heads share a KV head, a subgroup kM of them, and goes through
//! the keys a block at a time. Weights are 2^(score - base), where a pair's base is the largest score up to the block
//! that last passed it by kSlack; only then are the sums scaled, as they have to go through memory for it.
//! const kHeadDim: a multiple of kN, kK and 8
//! const kPairs, kLanes, kSubgroupLanes: a workgroup's, kPairs / kM subgroups; kSubgroupLanes is a multiple of kM
//! const kDimMatrices, kColumnMatrices: kHeadDim / kK and / kN; kKeyMatrices, kDepthMatrices: of a block's keys
//! const kQuadsOfLane, kEightsOfLane: of a pair's scores of a block
//! const kLoads: eights of a block's keys that a lane stages
//! grid: x: a KV head's pairs, kPairs at a time, KV heads outermost; y: a tile, the last first, which has most keys
//! import: step
//! import: attention_rule
//! import: sinks
//! import: elements_f16
//! import: place_chunks
//! import: subgroup_matrix

const kEights = kHeadDim / 8u;
const kBlockEights = kBlockTokens * kEights;
const kStride = kEights + 1u;
const kKeyQuads = kBlockTokens / 4u;
const kScoreStride = kKeyQuads + 1u;
const kScores = kBlockTokens * kStride;  // after a block of keys or values
const kSpare = kBlockTokens / 8u;        // of a row of scores: weights, as halves, leave the rest free
const kLanesOfPair = kSubgroupLanes / kM;
const kLowest = -1.0e30;
const kLog2E = 1.44269504;
const kSlack = 8.0;  // 2^8 times a block's keys is far below f16's largest number

struct Params {
  tiles: u32,
  n_heads: u32,
  n_kv_heads: u32,
  max_blocks: u32,  // of a sequence in block_table
  scale: f32,
  soft_cap: f32,  // of scores; not read unless CAPPED
  window: u32,    // keys that a row sees, its own and those before it
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> tiles: array<Tile>;
@group(0) @binding(1) var<storage, read> rows: array<Row>;
@group(0) @binding(2) var<storage, read> block_table: array<u32>;  // [sequences, max_blocks]
@group(0) @binding(3) var<storage, read> q: array<vec4u>;          // f16 [rows, n_heads, kHeadDim]
// [blocks, n_kv_heads, kBlockTokens, kHeadDim] of f16
@group(0) @binding(4) var<storage, read> k_cache: array<vec4u>;
@group(0) @binding(5) var<storage, read> v_cache: array<vec4u>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<T>>;  // [rows, n_heads * kHeadDim / 4], in chunks
@group(0) @binding(7) var<storage, read> sinks: array<f32>;        // [n_heads]; not read unless SINKS

var<workgroup> tile: array<vec4u, kScores + kPairs * kScoreStride>;
var<workgroup> grew: u32;  // whether some pair of the workgroup has a new base

fn half_pairs(quad: vec4f) -> vec2u {
  let held = clamp(quad, vec4f(-65504.0), vec4f(65504.0));
  return vec2u(pack2x16float(held.xy), pack2x16float(held.zw));
}

// What 2 is raised to, for products of queries and keys.
fn power_of_2(products: vec4f, scale: f32) -> vec4f {
  if (!CAPPED) { return scale * kLog2E * products; }
  let scores = scale * products;
  return kLog2E * vec4f(capped(scores.x), capped(scores.y), capped(scores.z), capped(scores.w));
}

// The best of the lanes of a pair, or their sum.
fn max_of_pair(value: f32) -> f32 {
  var largest = value;
  for (var apart = 1u; apart < kLanesOfPair; apart *= 2u) {
    largest = max(largest, subgroupShuffleXor(largest, apart));
  }
  return largest;
}

fn sum_of_pair(value: f32) -> f32 {
  var sum = value;
  for (var apart = 1u; apart < kLanesOfPair; apart *= 2u) { sum += subgroupShuffleXor(sum, apart); }
  return sum;
}

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let heads = p.n_heads / p.n_kv_heads;  // that share a KV head
  let groups = (kTileRows * heads + kPairs - 1u) / kPairs;
  let kv_head = group.x / groups;
  let rows_of = tiles[p.tiles - 1u - group.y];
  let first_pair = group.x % groups * kPairs;
  let n_pairs = rows_of.n_rows * heads;
  if (first_pair >= n_pairs) { return; }  // the whole workgroup leaves
  let last_row = rows_of.first_row + (min(first_pair + kPairs, n_pairs) - 1u) / heads;
  let n_keys = rows[last_row].pos + 1u;

  let pair = first_pair + lane.subgroup * kM + lane.in_subgroup / kLanesOfPair;
  let row = min(rows_of.first_row + pair / heads, last_row);  // pairs past the end are not stored
  let pos = rows[row].pos;
  let seen_from = first_seen(pos);
  let scale = scale_at(pos);
  let scores = kScores + lane.subgroup * kM * kScoreStride;  // of the subgroup
  let my_scores = scores + lane.in_subgroup / kLanesOfPair * kScoreStride;
  let my_part = lane.in_subgroup % kLanesOfPair;

  // Queries pass through the place for scores, a matrix at a time.
  let q_place = (row * p.n_heads + kv_head * heads + pair % heads) * kEights;
  var query: array<Left, kDimMatrices>;
  for (var d = 0u; d < kDimMatrices; d++) {  //! unroll
    for (var i = my_part; i < kK / 8u; i += kLanesOfPair) {
      tile[my_scores + i] = q[q_place + d * kK / 8u + i];
    }
    workgroupBarrier();
    query[d] = subgroupMatrixLoad<Left, row_major>(&tile, scores, kScoreStride);
    workgroupBarrier();
  }

  var base = kLowest;
  var sum = 0.0;
  var acc: array<Sums, kColumnMatrices>;

  // What is staged next is on its way while something else is multiplied.
  let table = rows_of.seq * p.max_blocks;
  let first_block = first_seen(rows[rows_of.first_row + first_pair / heads].pos) / kBlockTokens;
  var source = (block_table[table + first_block] * p.n_kv_heads + kv_head) * kBlockTokens * kEights;
  var staged: array<vec4u, kLoads>;
  for (var i = 0u; i < kLoads; i++) {  //! unroll
    staged[i] = k_cache[source + min(lane.index + i * kLanes, kBlockEights - 1u)];
  }
  for (var first_key = first_block * kBlockTokens; first_key < n_keys; first_key += kBlockTokens) {
    for (var i = 0u; i < kLoads; i++) {  //! unroll
      let eight = lane.index + i * kLanes;
      if (eight < kBlockEights) { tile[eight / kEights * kStride + eight % kEights] = staged[i]; }
      staged[i] = v_cache[source + min(eight, kBlockEights - 1u)];
    }
    if (lane.index == 0u) { grew = 0u; }
    workgroupBarrier();

    for (var j = 0u; j < kKeyMatrices; j++) {  //! unroll
      var products = Sums();  // without a value it would keep the one of the loop's last turn
      for (var d = 0u; d < kDimMatrices; d++) {  //! unroll
        let keys = subgroupMatrixLoad<Right, col_major>(&tile, j * kN * kStride + d * kK / 8u, kStride);
        products = subgroupMatrixMultiplyAccumulate(query[d], keys, products);
      }
      subgroupMatrixStore<row_major>(&tile, scores + j * kN / 4u, products, kScoreStride);
    }
    workgroupBarrier();

    let next_block = min(first_key + kBlockTokens, n_keys - 1u) / kBlockTokens;
    source = (block_table[table + next_block] * p.n_kv_heads + kv_head) * kBlockTokens * kEights;
    for (var i = 0u; i < kLoads; i++) {  //! unroll
      let eight = lane.index + i * kLanes;
      if (eight < kBlockEights) { tile[eight / kEights * kStride + eight % kEights] = staged[i]; }
      staged[i] = k_cache[source + min(eight, kBlockEights - 1u)];
    }
    var mine: array<vec4f, kQuadsOfLane>;
    var largest = kLowest;
    for (var i = 0u; i < kQuadsOfLane; i++) {  //! unroll
      let keys = vec4u(first_key + 4u * (my_part * kQuadsOfLane + i)) + vec4u(0u, 1u, 2u, 3u);
      let seen = (keys <= vec4u(pos)) & (keys >= vec4u(seen_from));
      let score = power_of_2(bitcast<vec4f>(tile[my_scores + my_part * kQuadsOfLane + i]), scale);
      mine[i] = select(vec4f(kLowest), score, seen);
      largest = max(largest, max(max(mine[i].x, mine[i].y), max(mine[i].z, mine[i].w)));
    }
    largest = max_of_pair(largest);
    var shrink = 1.0;
    if (first_key == first_block * kBlockTokens) {
      base = largest;
    } else if (largest > base + kSlack) {
      shrink = exp2(base - largest);
      base = largest;
      sum *= shrink;
      grew = 1u;
    }
    // The lanes of a pair have read its scores before one writes its weights over them.
    workgroupBarrier();
    for (var i = 0u; i < kEightsOfLane; i++) {  //! unroll
      let weights = exp2(mine[2u * i] - base);
      let more = exp2(mine[2u * i + 1u] - base);
      sum += dot(weights + more, vec4f(1.0));
      tile[my_scores + my_part * kEightsOfLane + i] = vec4u(half_pairs(weights), half_pairs(more));
    }

    if (workgroupUniformLoad(&grew) != 0u) {
      for (var j = 0u; j < kColumnMatrices; j++) {  //! unroll
        subgroupMatrixStore<row_major>(&tile, scores + kSpare, acc[j], kScoreStride);
        workgroupBarrier();
        for (var i = my_part; i < kN / 4u; i += kLanesOfPair) {
          let place = my_scores + kSpare + i;
          tile[place] = bitcast<vec4u>(bitcast<vec4f>(tile[place]) * shrink);
        }
        workgroupBarrier();
        acc[j] = subgroupMatrixLoad<Sums, row_major>(&tile, scores + kSpare, kScoreStride);
        workgroupBarrier();
      }
    }
    for (var k = 0u; k < kDepthMatrices; k++) {  //! unroll
      let weights = subgroupMatrixLoad<Left, row_major>(&tile, scores + k * kK / 8u, kScoreStride);
      for (var j = 0u; j < kColumnMatrices; j++) {  //! unroll
        let values = subgroupMatrixLoad<Right, row_major>(&tile, k * kK * kStride + j * kN / 8u, kStride);
        acc[j] = subgroupMatrixMultiplyAccumulate(weights, values, acc[j]);
      }
    }
    workgroupBarrier();
  }

  var sink = 0.0;
  if (SINKS) { sink = sinks[kv_head * heads + pair % heads]; }
  let end_of_softmax = with_sink(base / kLog2E, sum_of_pair(sum), sink);
  let share = end_of_softmax.x / end_of_softmax.y;
  let first_column = (kv_head * heads + pair % heads) * kHeadDim;
  for (var j = 0u; j < kColumnMatrices; j++) {  //! unroll
    subgroupMatrixStore<row_major>(&tile, scores, acc[j], kScoreStride);
    workgroupBarrier();
    for (var i = my_part; i < kN / 4u; i += kLanesOfPair) {
      if (pair < n_pairs) {
        let to = place(row, first_column + j * kN + 4u * i, p.n_heads * kHeadDim) / 4u;
        y[to] = elements(bitcast<vec4f>(tile[my_scores + i]) * share);
      }
    }
    workgroupBarrier();
  }
}
