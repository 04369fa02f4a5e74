//! attention_split for devices with subgroups: kLanes lanes side by side take a key, kDims elements of it each, and
//! hold their share of the queries and of the result in registers. The groups of lanes of a workgroup take a split's
//! keys in turn, kAtOnce at a time, each with a softmax of its own; at the end they are put together.
//! const kHeadDim, kDims: multiples of 8; kLanes: a power of 2, kLanes * kDims >= kHeadDim, at most a subgroup
//! const kHeads: query heads handled together; divides n_heads / n_kv_heads
//! const kSplit: keys; kAtOnce; kEights = kDims / 8; kQuads = kDims / 4
//! grid: x: kHeads query heads, y: a row, z: a split
//! import: lane_subgroup
//! import: step
//! import: split_stats
//! import: attention_rule

override WG: u32;
override SUBGROUPS: u32;  // at least those of a workgroup

struct Params {
  rows: u32,
  n_heads: u32,
  n_kv_heads: u32,
  max_blocks: u32,  // of a sequence in block_table
  max_splits: u32,  // of a row in acc and stats
  scale: f32,
  soft_cap: f32,  // of scores; not read unless CAPPED
  window: u32,    // keys that a row sees, its own and those before it
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rows: array<Row>;
@group(0) @binding(1) var<storage, read> block_table: array<u32>;  // [sequences, max_blocks]
@group(0) @binding(2) var<storage, read> q: array<vec4f>;          // [rows, n_heads, kHeadDim / 4]
// [blocks, n_kv_heads, kBlockTokens, kHeadDim] of f16
@group(0) @binding(3) var<storage, read> k_cache: array<vec4u>;
@group(0) @binding(4) var<storage, read> v_cache: array<vec4u>;
@group(0) @binding(5) var<storage, read_write> acc: array<f32>;      // [rows, n_heads, max_splits, kHeadDim]
@group(0) @binding(6) var<storage, read_write> stats: array<Stats>;  // [rows, n_heads, max_splits]
@group(0) @binding(7) var<storage, read_write> y: array<f32>;        // [rows, n_heads, kHeadDim]

const kLowest = -1e30;

// The softmax of some keys for one head, and a lane's share of the weighted sum of their values.
struct Softmax {
  stats: Stats,
  acc: array<vec4f, kQuads>,
}

// Some eights of a key or a value.
struct Share {
  words: array<vec4u, kEights>,
}

var<workgroup> blocks: array<u32, kSplit / kBlockTokens>;
var<workgroup> subgroup_stats: array<Stats, SUBGROUPS * kHeads>;
var<workgroup> subgroup_acc: array<f32, SUBGROUPS * kHeads * kHeadDim>;

fn quad(share: Share, i: u32) -> vec4f {
  let words = share.words[i / 2u];
  let two = select(words.xy, words.zw, i % 2u == 1u);
  return vec4f(unpack2x16float(two.x), unpack2x16float(two.y));
}

fn merged(a: Softmax, b: Softmax) -> Softmax {
  let largest = max(a.stats.max, b.stats.max);
  let of_a = exp(a.stats.max - largest);
  let of_b = exp(b.stats.max - largest);
  var both = Softmax(Stats(largest, of_a * a.stats.sum + of_b * b.stats.sum), a.acc);
  for (var i = 0u; i < kQuads; i++) {  //! unroll
    both.acc[i] = of_a * a.acc[i] + of_b * b.acc[i];
  }
  return both;
}

fn of_lane(softmax: Softmax, apart: u32) -> Softmax {
  var other = softmax;
  other.stats.max = subgroupShuffleXor(softmax.stats.max, apart);
  other.stats.sum = subgroupShuffleXor(softmax.stats.sum, apart);
  for (var i = 0u; i < kQuads; i++) {  //! unroll
    other.acc[i] = subgroupShuffleXor(softmax.acc[i], apart);
  }
  return other;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, lane: Lane) {
  let row = rows[group.y];
  let first_key = group.z * kSplit;
  if (first_key > row.pos || first_key + kSplit <= first_seen(row.pos)) { return; }  // the whole workgroup leaves
  let n_keys = min(row.pos + 1u - first_key, kSplit);
  let first_head = group.x * kHeads;
  let kv_head = first_head / (p.n_heads / p.n_kv_heads);

  if (lane.index < (n_keys + kBlockTokens - 1u) / kBlockTokens) {
    blocks[lane.index] = block_table[row.seq * p.max_blocks + first_key / kBlockTokens + lane.index];
  }
  let my_place = place_in_workgroup(lane);
  let has_share = my_place % kLanes < kHeadDim / kDims;
  let part = min(my_place % kLanes, kHeadDim / kDims - 1u);
  var queries: array<array<vec4f, kQuads>, kHeads>;
  var softmax: array<Softmax, kHeads>;
  for (var h = 0u; h < kHeads; h++) {  //! unroll
    let first = (group.y * p.n_heads + first_head + h) * (kHeadDim / 4u) + part * (kDims / 4u);
    for (var i = 0u; i < kQuads; i++) {  //! unroll
      queries[h][i] = select(vec4f(), scale_at(row.pos) * q[first + i], has_share);
    }
    softmax[h] = Softmax(Stats(kLowest, 0.0), array<vec4f, kQuads>());
  }
  workgroupBarrier();

  for (var first = 0u; first < n_keys; first += WG / kLanes * kAtOnce) {
    var keys: array<Share, kAtOnce>;
    var values: array<Share, kAtOnce>;
    var scores: array<array<f32, kHeads>, kAtOnce>;
    for (var j = 0u; j < kAtOnce; j++) {  //! unroll
      let key = min(first + j * (WG / kLanes) + my_place / kLanes, n_keys - 1u);
      let token = (blocks[key / kBlockTokens] * p.n_kv_heads + kv_head) * kBlockTokens + key % kBlockTokens;
      let at = token * (kHeadDim / 8u) + part * kEights;
      for (var i = 0u; i < kEights; i++) {  //! unroll
        keys[j].words[i] = k_cache[at + i];
        values[j].words[i] = v_cache[at + i];
      }
    }
    for (var j = 0u; j < kAtOnce; j++) {  //! unroll
      for (var h = 0u; h < kHeads; h++) {  //! unroll
        var sum = 0.0;
        for (var i = 0u; i < kQuads; i++) {  //! unroll
          sum += dot(queries[h][i], quad(keys[j], i));
        }
        for (var apart = 1u; apart < kLanes; apart *= 2u) { sum += subgroupShuffleXor(sum, apart); }
        let key = first + j * (WG / kLanes) + my_place / kLanes;
        scores[j][h] = select(kLowest, capped(sum), key < n_keys && first_key + key >= first_seen(row.pos));
      }
    }
    for (var h = 0u; h < kHeads; h++) {  //! unroll
      var largest = softmax[h].stats.max;
      for (var j = 0u; j < kAtOnce; j++) {  //! unroll
        largest = max(largest, scores[j][h]);
      }
      let before = exp(softmax[h].stats.max - largest);
      softmax[h].stats.max = largest;
      softmax[h].stats.sum *= before;
      for (var i = 0u; i < kQuads; i++) {  //! unroll
        softmax[h].acc[i] *= before;
      }
      for (var j = 0u; j < kAtOnce; j++) {  //! unroll
        let weight = select(0.0, exp(scores[j][h] - largest), scores[j][h] > kLowest);
        softmax[h].stats.sum += weight;
        for (var i = 0u; i < kQuads; i++) {  //! unroll
          softmax[h].acc[i] += weight * quad(values[j], i);
        }
      }
    }
  }

  for (var h = 0u; h < kHeads; h++) {  //! unroll
    var mine = softmax[h];
    for (var apart = kLanes; apart < lane.subgroup_size; apart *= 2u) { mine = merged(mine, of_lane(mine, apart)); }
    let at = lane.subgroup * kHeads + h;
    if (lane.in_subgroup < kLanes && has_share) {
      for (var i = 0u; i < kQuads; i++) {  //! unroll
        for (var e = 0u; e < 4u; e++) { subgroup_acc[at * kHeadDim + part * kDims + 4u * i + e] = mine.acc[i][e]; }
      }
      if (lane.in_subgroup == 0u) { subgroup_stats[at] = mine.stats; }
    }
  }
  workgroupBarrier();

  for (var place = lane.index; place < kHeads * kHeadDim; place += WG) {
    let h = place / kHeadDim;
    var largest = kLowest;
    for (var s = 0u; s < lane.n_subgroups; s++) { largest = max(largest, subgroup_stats[s * kHeads + h].max); }
    var total = Stats(largest, 0.0);
    var value = 0.0;
    for (var s = 0u; s < lane.n_subgroups; s++) {
      let at = s * kHeads + h;
      let weight = exp(subgroup_stats[at].max - largest);
      total.sum += weight * subgroup_stats[at].sum;
      value += weight * subgroup_acc[at * kHeadDim + place % kHeadDim];
    }
    let head = group.y * p.n_heads + first_head + h;
    if (is_single_split(row.pos)) {
      y[head * kHeadDim + place % kHeadDim] = value / total.sum;
    } else {
      let split = head * p.max_splits + group.z;
      acc[split * kHeadDim + place % kHeadDim] = value;
      if (place % kHeadDim == 0u) { stats[split] = total; }
    }
  }
}
