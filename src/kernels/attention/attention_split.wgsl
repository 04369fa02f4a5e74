//! Attention of single rows over a split of their keys, for the query heads of one KV head at once:
//!   weight[key] = exp(score - max),  score = scale * q . k[key] or its soft cap,  acc = sum of weight[key] * v[key]
//! over keys kSplit z to kSplit (z + 1) - 1 of the row's sequence, up to the row itself and as far as its window goes
//! back. Splits before the window do nothing. Partial results go to attention_combine. The pages of the KV cache are read in place.
//! const kHeadDim: a multiple of 4, at most 2 kSplit
//! const kSplit: keys, and invocations of a workgroup
//! const kHeads: query heads handled together, so that kHeads * kHeadDim <= 512; divides n_heads / n_kv_heads
//! grid: x: kHeads query heads, y: a row, z: a split
//! import: step
//! import: split_stats
//! import: attention_rule

const kWords = kHeadDim / 2u;
const kGroups = kSplit / kWords;  // of invocations, each summing values over its share of the keys
const kStrips = 8u;               // of each head's scores, for the largest
const kStripKeys = kSplit / kStrips;
const kLowest = -1e30;

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
@group(0) @binding(3) var<storage, read> k_cache: array<vec2u>;
@group(0) @binding(4) var<storage, read> v_cache: array<u32>;
// [rows, n_heads, max_splits, kHeadDim / 2]
@group(0) @binding(5) var<storage, read_write> acc: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> stats: array<Stats>;  // [rows, n_heads, max_splits]
@group(0) @binding(7) var<storage, read_write> y: array<vec2f>;      // [rows, n_heads, kHeadDim / 2]

var<workgroup> blocks: array<u32, kSplit / kBlockTokens>;
var<workgroup> queries: array<vec4f, kHeads * kHeadDim / 4u>;  // scaled
var<workgroup> scores: array<f32, kHeads * kSplit>;            // then weights
var<workgroup> strip_max: array<f32, kHeads * kStrips>;
var<workgroup> group_acc: array<vec2f, kGroups * kHeads * kWords>;
var<workgroup> group_sum: array<f32, kGroups * kHeads>;

// Where key `key` of the split begins in the cache, in tokens.
fn cache_token(key: u32, kv_head: u32) -> u32 {
  return (blocks[key / kBlockTokens] * p.n_kv_heads + kv_head) * kBlockTokens + key % kBlockTokens;
}

fn score(key: u32, kv_head: u32) -> array<f32, kHeads> {
  let first = cache_token(key, kv_head) * (kHeadDim / 4u);
  var sums: array<vec4f, kHeads>;
  for (var i = 0u; i < kHeadDim / 4u; i++) {
    let words = k_cache[first + i];
    let quad = vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
    for (var h = 0u; h < kHeads; h++) { sums[h] += queries[h * (kHeadDim / 4u) + i] * quad; }
  }
  var result: array<f32, kHeads>;
  for (var h = 0u; h < kHeads; h++) { result[h] = capped(dot(sums[h], vec4f(1.0))); }
  return result;
}

fn max_of_head(h: u32) -> f32 {
  var largest = strip_max[h * kStrips];
  for (var i = 1u; i < kStrips; i++) { largest = max(largest, strip_max[h * kStrips + i]); }
  return largest;
}

// Sums weight * v over keys group, group + kGroups, ... for one word of the head.
fn sum_values(group: u32, word: u32, n_keys: u32, kv_head: u32) {
  var sums: array<vec2f, kHeads>;
  var weights: array<f32, kHeads>;
  for (var key = group; key < n_keys; key += kGroups) {
    let value = unpack2x16float(v_cache[cache_token(key, kv_head) * kWords + word]);
    for (var h = 0u; h < kHeads; h++) {
      let weight = scores[h * kSplit + key];
      sums[h] += weight * value;
      weights[h] += weight;
    }
  }
  for (var h = 0u; h < kHeads; h++) {
    group_acc[(group * kHeads + h) * kWords + word] = sums[h];
    if (word == 0u) { group_sum[group * kHeads + h] = weights[h]; }
  }
}

@compute @workgroup_size(kSplit)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = rows[group.y];
  let first_key = group.z * kSplit;
  if (first_key > row.pos || first_key + kSplit <= first_seen(row.pos)) { return; }  // the whole workgroup leaves
  let n_keys = min(row.pos + 1u - first_key, kSplit);
  let first_head = group.x * kHeads;
  let kv_head = first_head / (p.n_heads / p.n_kv_heads);

  if (lane < (n_keys + kBlockTokens - 1u) / kBlockTokens) {
    blocks[lane] = block_table[row.seq * p.max_blocks + first_key / kBlockTokens + lane];
  }
  let first_query = (group.y * p.n_heads + first_head) * (kHeadDim / 4u);
  for (var i = lane; i < kHeads * kHeadDim / 4u; i += kSplit) {
    queries[i] = q[first_query + i] * scale_at(row.pos);
  }
  workgroupBarrier();

  let own_key = min(lane, n_keys - 1u);  // past the end: the last key once more, for the maximum
  var own = score(own_key, kv_head);
  for (var h = 0u; h < kHeads; h++) {
    if (first_key + own_key < first_seen(row.pos)) { own[h] = kLowest; }
    scores[h * kSplit + lane] = own[h];
  }
  workgroupBarrier();
  for (var i = lane; i < kHeads * kStrips; i += kSplit) {
    var largest = scores[i * kStripKeys];
    for (var j = 1u; j < kStripKeys; j++) { largest = max(largest, scores[i * kStripKeys + j]); }
    strip_max[i] = largest;
  }
  workgroupBarrier();
  for (var h = 0u; h < kHeads; h++) { scores[h * kSplit + lane] = exp(own[h] - max_of_head(h)); }
  workgroupBarrier();
  if (lane < kGroups * kWords) { sum_values(lane / kWords, lane % kWords, n_keys, kv_head); }
  workgroupBarrier();

  for (var i = lane; i < kHeads * kWords; i += kSplit) {
    var sum = vec2f(0.0);
    for (var g = 0u; g < kGroups; g++) { sum += group_acc[g * kHeads * kWords + i]; }
    let head = group.y * p.n_heads + first_head + i / kWords;
    if (is_single_split(row.pos)) {
      var weights = 0.0;
      for (var g = 0u; g < kGroups; g++) { weights += group_sum[g * kHeads + i / kWords]; }
      y[head * kWords + i % kWords] = sum / weights;
    } else {
      acc[(head * p.max_splits + group.z) * kWords + i % kWords] = sum;
    }
  }
  if (lane < kHeads && !is_single_split(row.pos)) {
    var sum = 0.0;
    for (var g = 0u; g < kGroups; g++) { sum += group_sum[g * kHeads + lane]; }
    let to = (group.y * p.n_heads + first_head + lane) * p.max_splits + group.z;
    stats[to] = Stats(max_of_head(lane), sum);
  }
}
