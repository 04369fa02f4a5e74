//! rope_kv for heads whose rotated elements are no whole quads: an invocation makes two neighbouring elements, and
//! reads what they are paired with.
//! grid: x covers the words of one row's q, k and v heads, y: a row
//! import: step
//! import: kv_word
//! import: rotation
//! import: elements

override WG: u32;
override HALF: bool;  // pairs lie rope_dims / 2 apart

struct Params {
  rows: u32,
  n_heads: u32,
  n_kv_heads: u32,
  head_dim: u32,    // even
  rope_dims: u32,   // even, at most head_dim
  magnitude: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rows: array<Row>;
@group(0) @binding(1) var<storage, read> turns: array<vec2u>;      // [rope_dims / 2]
@group(0) @binding(2) var<storage, read> qkv: array<f32>;          // [rows, n_heads + 2 n_kv_heads, head_dim]
@group(0) @binding(3) var<storage, read_write> q: array<vec2<T>>;  // [rows, n_heads, head_dim / 2]
// [blocks, n_kv_heads, kBlockTokens, head_dim / 2], two halfs a word
@group(0) @binding(4) var<storage, read_write> k_cache: array<u32>;
@group(0) @binding(5) var<storage, read_write> v_cache: array<u32>;

// Element `i` of the head that begins at `first`, rotated.
fn rotated(first: u32, i: u32, pos: u32) -> f32 {
  let x = qkv[first + i];
  if (i >= p.rope_dims) { return x; }
  let half = p.rope_dims / 2u;
  let is_second = select(i % 2u == 1u, i >= half, HALF);
  let pair = select(i / 2u, i % half, HALF);
  let distance = select(1u, half, HALF);
  let other = qkv[select(first + i + distance, first + i - distance, is_second)];
  let by = p.magnitude * rotation(turns[pair], pos);
  return x * by.x + select(-other, other, is_second) * by.y;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let words = p.head_dim / 2u;
  let unit = group.x * WG + lane;
  let head = unit / words;  // first those of q, then of k, then of v
  let heads = p.n_heads + 2u * p.n_kv_heads;
  if (head >= heads) { return; }
  let word = unit % words;
  let row = rows[group.y];
  let first = (group.y * heads + head) * p.head_dim;
  let kv_head = (head - min(head, p.n_heads)) % p.n_kv_heads;
  let cached = cache_word(row, kv_head, p.n_kv_heads, p.head_dim) + word;
  if (head >= p.n_heads + p.n_kv_heads) {
    v_cache[cached] = pack(vec2f(qkv[first + 2u * word], qkv[first + 2u * word + 1u]));
    return;
  }
  let pair = vec2f(rotated(first, 2u * word, row.pos), rotated(first, 2u * word + 1u, row.pos));
  if (head >= p.n_heads) {
    k_cache[cached] = pack(pair);
  } else {
    q[(group.y * p.n_heads + head) * words + word] = elements(vec4f(pair, 0.0, 0.0)).xy;
  }
}
