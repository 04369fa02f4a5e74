//! Causal attention of a tile of neighbouring rows of one sequence:
//!   y[row, head] = softmax(scale * q . k[keys up to row, within its window]) v
//! where scores may be soft-capped, and a sink may be one more.
//! A workgroup takes 64 (row, head) pairs whose heads share a KV head, and goes through the keys
//! kKeys at a time with a running maximum (online softmax, Milakov and Gimelshein 2018). An
//! invocation keeps kHeadDim / kParts elements of q and y of two pairs in registers, so that what
//! it reads of a key or value serves both.
//! const kHeadDim: a multiple of 4
//! const kParts: divides kHeadDim / 4
//! const kKeys: divides kBlockTokens
//! grid: x: a KV head's pairs, 64 at a time, KV heads outermost; y: a tile
//! import: step
//! import: attention_rule
//! import: sinks

const kPairs = 64u;
const kLanesOfPart = kPairs / 2u;  // each with pairs 2 i and 2 i + 1
const kLanes = kLanesOfPart * kParts;
const kQuads = kHeadDim / 4u / kParts;  // of an invocation
const kLowest = -1.0e30;  // less than any score; kParts of it still fit f32

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
@group(0) @binding(3) var<storage, read> q: array<vec4f>;          // [rows, n_heads, kHeadDim / 4]
// [blocks, n_kv_heads, kBlockTokens, kHeadDim] of f16
@group(0) @binding(4) var<storage, read> k_cache: array<vec2u>;
@group(0) @binding(5) var<storage, read> v_cache: array<vec2u>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;    // [rows, n_heads, kHeadDim / 4]
@group(0) @binding(7) var<storage, read> sinks: array<f32>;        // [n_heads]; not read unless SINKS

var<workgroup> k_tile: array<vec4f, kKeys * kHeadDim / 4u>;
var<workgroup> v_tile: array<vec4f, kKeys * kHeadDim / 4u>;
var<workgroup> part_scores: array<vec2f, kKeys * kLanes>;  // of two pairs

fn unpack(words: vec2u) -> vec4f {
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}

// Keys first_key to first_key + kKeys - 1, which lie in one block.
fn load_keys(first_key: u32, seq: u32, kv_head: u32, lane: u32) {
  let block = block_table[seq * p.max_blocks + first_key / kBlockTokens];
  let token = (block * p.n_kv_heads + kv_head) * kBlockTokens + first_key % kBlockTokens;
  for (var i = lane; i < kKeys * kHeadDim / 4u; i += kLanes) {
    k_tile[i] = unpack(k_cache[token * (kHeadDim / 4u) + i]);
    v_tile[i] = unpack(v_cache[token * (kHeadDim / 4u) + i]);
  }
}

// The scores of two pairs.
fn sum_of_parts(key: u32, lane_of_part: u32) -> vec2f {
  var sum = part_scores[key * kLanes + lane_of_part];
  for (var i = 1u; i < kParts; i++) {
    sum += part_scores[key * kLanes + i * kLanesOfPart + lane_of_part];
  }
  return select(sum, vec2f(capped(sum.x), capped(sum.y)), sum > vec2f(kLowest));
}

fn sum_of(quad: vec4f) -> f32 { return dot(quad, vec4f(1.0)); }

@compute @workgroup_size(kLanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let heads = p.n_heads / p.n_kv_heads;  // that share a KV head
  let groups = (kTileRows * heads + kPairs - 1u) / kPairs;
  let kv_head = group.x / groups;
  let tile = tiles[group.y];
  let first_pair = group.x % groups * kPairs;
  let n_pairs = tile.n_rows * heads;
  if (first_pair >= n_pairs) { return; }  // the whole workgroup leaves
  let last_row = tile.first_row + (min(first_pair + kPairs, n_pairs) - 1u) / heads;
  let n_keys = rows[last_row].pos + 1u;

  let part = lane / kLanesOfPart;
  let lane_of_part = lane % kLanesOfPart;
  let pairs = first_pair + 2u * lane_of_part + vec2u(0u, 1u);
  // Pairs past the end are computed from the last row, and not stored.
  let pair_rows = min(tile.first_row + pairs / heads, vec2u(last_row));
  let pos = vec2u(rows[pair_rows.x].pos, rows[pair_rows.y].pos);
  let seen = vec2u(first_seen(pos.x), first_seen(pos.y));
  let places = (pair_rows * p.n_heads + kv_head * heads + pairs % heads) * (kHeadDim / 4u) +
               part * kQuads;

  var first_query: array<vec4f, kQuads>;
  var second_query: array<vec4f, kQuads>;
  for (var i = 0u; i < kQuads; i++) {
    first_query[i] = q[places.x + i] * scale_at(pos.x);
    second_query[i] = q[places.y + i] * scale_at(pos.y);
  }
  var first_acc: array<vec4f, kQuads>;
  var second_acc: array<vec4f, kQuads>;
  var largest = vec2f(kLowest);
  var sum = vec2f(0.0);
  let first_row = tile.first_row + first_pair / heads;
  for (var first_key = first_seen(rows[first_row].pos) / kKeys * kKeys; first_key < n_keys; first_key += kKeys) {
    let n_staged = min(n_keys - first_key, kKeys);
    load_keys(first_key, tile.seq, kv_head, lane);
    workgroupBarrier();
    for (var key = 0u; key < n_staged; key++) {
      var first = vec4f(0.0);
      var second = vec4f(0.0);
      for (var i = 0u; i < kQuads; i++) {
        let k = k_tile[key * (kHeadDim / 4u) + part * kQuads + i];
        first += first_query[i] * k;
        second += second_query[i] * k;
      }
      part_scores[key * kLanes + lane] = select(vec2f(kLowest), vec2f(sum_of(first), sum_of(second)),
                                                (vec2u(first_key + key) <= pos) & (vec2u(first_key + key) >= seen));
    }
    workgroupBarrier();
    var largest_now = largest;
    for (var key = 0u; key < n_staged; key++) {
      largest_now = max(largest_now, sum_of_parts(key, lane_of_part));
    }
    let shrink = exp(largest - largest_now);
    largest = largest_now;
    sum *= shrink;
    for (var i = 0u; i < kQuads; i++) {
      first_acc[i] *= shrink.x;
      second_acc[i] *= shrink.y;
    }
    for (var key = 0u; key < n_staged; key++) {
      let weights = exp(sum_of_parts(key, lane_of_part) - largest);
      sum += weights;
      for (var i = 0u; i < kQuads; i++) {
        let v = v_tile[key * (kHeadDim / 4u) + part * kQuads + i];
        first_acc[i] += weights.x * v;
        second_acc[i] += weights.y * v;
      }
    }
    workgroupBarrier();
  }
  var sink = vec2f();
  if (SINKS) {
    let head = kv_head * heads + pairs % heads;
    sink = vec2f(sinks[head.x], sinks[head.y]);
  }
  let first_end = with_sink(largest.x, sum.x, sink.x);
  let second_end = with_sink(largest.y, sum.y, sink.y);
  for (var i = 0u; i < kQuads; i++) {
    if (pairs.x < n_pairs) { y[places.x + i] = first_acc[i] * first_end.x / first_end.y; }
    if (pairs.y < n_pairs) { y[places.y + i] = second_acc[i] * second_end.x / second_end.y; }
  }
}
