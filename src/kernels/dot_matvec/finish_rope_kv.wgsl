//! A pair is one that RoPE turns together, in the rows of W first of all query heads, then of the heads of K, then of
//! V. Queries go to y; keys and values to their row's place in the KV cache (rope_kv.wgsl).
//! enable: f16
//! import: step
//! import: rotation

override FIRST_PAIR: u32;  // of all of q, k and v, that W begins with
override Q_PAIRS: u32;
override KV_PAIRS: u32;
override HEAD_PAIRS: u32;  // of one head
override ROPE_PAIRS: u32;  // that are turned
override MAGNITUDE: f32;   // that they are scaled by

@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [rows, n_heads, head_dim]
@group(0) @binding(10) var<storage, read> rows: array<Row>;
@group(0) @binding(11) var<storage, read> turns: array<vec2u>;  // [ROPE_PAIRS]
// [blocks, n_kv_heads, kBlockTokens, head_dim]
@group(0) @binding(12) var<storage, read_write> k_cache: array<f16>;
@group(0) @binding(13) var<storage, read_write> v_cache: array<f16>;

// Element of its head of a pair's first value; the second is PAIR_APART further.
fn element(pair: u32) -> u32 {
  let in_head = pair % HEAD_PAIRS;
  return 2u * PAIR_APART * (in_head / PAIR_APART) + in_head % PAIR_APART;
}

fn turned(pair: u32, values: vec2f, pos: u32) -> vec2f {
  let in_head = pair % HEAD_PAIRS;
  if (in_head >= ROPE_PAIRS) { return values; }
  let by = MAGNITUDE * rotation(turns[in_head], pos);
  return vec2f(values.x * by.x - values.y * by.y, values.x * by.y + values.y * by.x);
}

// Where a KV head's elements of a row begin in the cache.
fn cached(row: Row, kv_head: u32) -> u32 {
  let n_kv_heads = KV_PAIRS / HEAD_PAIRS;
  let token = (row.place / kBlockTokens * n_kv_heads + kv_head) * kBlockTokens + row.place % kBlockTokens;
  return token * 2u * HEAD_PAIRS;
}

// What f16 cannot hold becomes its largest number, so that the cache stays finite.
fn halfs(values: vec2f) -> vec2h { return vec2h(clamp(values, vec2f(-65504.0), vec2f(65504.0))); }

fn finish(row: u32, w_pair: u32, values: vec2f) {
  let pair = FIRST_PAIR + w_pair;
  let step_row = rows[row];
  if (pair < Q_PAIRS) {
    let rotated = turned(pair, values, step_row.pos);
    let at = 2u * (row * Q_PAIRS + pair / HEAD_PAIRS * HEAD_PAIRS) + element(pair);
    y[at] = rotated.x;
    y[at + PAIR_APART] = rotated.y;
    return;
  }
  let is_v = pair >= Q_PAIRS + KV_PAIRS;
  let kv_pair = (pair - Q_PAIRS) % KV_PAIRS;
  let at = cached(step_row, kv_pair / HEAD_PAIRS) + element(kv_pair);
  if (is_v) {
    let two = halfs(values);
    v_cache[at] = two.x;
    v_cache[at + PAIR_APART] = two.y;
  } else {
    let two = halfs(turned(kv_pair, values, step_row.pos));
    k_cache[at] = two.x;
    k_cache[at + PAIR_APART] = two.y;
  }
}
