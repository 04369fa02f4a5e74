//! Rotates q and k by their rows' positions, stores q for attention, and k and v in the KV cache as f16.
//! A pair (a, b) of elements of a head becomes (a cos - b sin, a sin + b cos), where the angle of
//! pair i is pos * turns[i]. Pairs lie side by side, (x[2i], x[2i + 1]), or half the rotated
//! elements apart, (x[i], x[i + rope_dims / 2]); elements from rope_dims on stay as they are. What
//! is rotated is scaled by magnitude.
//! grid: x covers the quads of one row's q, k and v heads, y: a row
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
  head_dim: u32,    // a multiple of 4
  rope_dims: u32,   // a multiple of 4, at most head_dim
  magnitude: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> rows: array<Row>;
@group(0) @binding(1) var<storage, read> turns: array<vec2u>;      // [rope_dims / 2]
// [rows, n_heads + 2 n_kv_heads, head_dim / 2]: a row's q, k and v
@group(0) @binding(2) var<storage, read> qkv: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> q: array<vec2<T>>;  // [rows, n_heads, head_dim / 2]
// [blocks, n_kv_heads, kBlockTokens, head_dim / 2], two halfs a word
@group(0) @binding(4) var<storage, read_write> k_cache: array<u32>;
@group(0) @binding(5) var<storage, read_write> v_cache: array<u32>;

// Four elements of a head that one invocation handles, as two words of two: neighbours, or the two
// ends of two pairs.
struct Quad {
  first: u32,  // word of the head, [0, head_dim / 2)
  second: u32,
}

fn quad_words(quad: u32) -> Quad {
  let quarter = p.rope_dims / 4u;
  if (HALF && quad < quarter) { return Quad(quad, quad + quarter); }
  return Quad(2u * quad, 2u * quad + 1u);
}

fn rotate(pair: vec2f, by: vec2f) -> vec2f {
  return vec2f(pair.x * by.x - pair.y * by.y, pair.x * by.y + pair.y * by.x);
}

// The two words of a quad after rotation.
fn rotate_quad(words: mat2x2f, quad: u32, pos: u32) -> mat2x2f {
  if (quad >= p.rope_dims / 4u) { return words; }
  let first = p.magnitude * rotation(turns[2u * quad], pos);
  let second = p.magnitude * rotation(turns[2u * quad + 1u], pos);
  if (HALF) {
    let pairs = transpose(words);
    return transpose(mat2x2f(rotate(pairs[0], first), rotate(pairs[1], second)));
  }
  return mat2x2f(rotate(words[0], first), rotate(words[1], second));
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quads = p.head_dim / 4u;
  let unit = group.x * WG + lane;
  let head = unit / quads;  // first those of q, then of k, then of v
  let heads = p.n_heads + 2u * p.n_kv_heads;
  if (head >= heads) { return; }
  let quad = unit % quads;
  let words = quad_words(quad);
  let row = rows[group.y];
  let source = (group.y * heads + head) * (p.head_dim / 2u);
  let values = mat2x2f(qkv[source + words.first], qkv[source + words.second]);
  if (head < p.n_heads) {
    let at = (group.y * p.n_heads + head) * (p.head_dim / 2u);
    let rotated = rotate_quad(values, quad, row.pos);
    let stored = elements(vec4f(rotated[0], rotated[1]));
    q[at + words.first] = stored.xy;
    q[at + words.second] = stored.zw;
    return;
  }
  let kv_head = (head - p.n_heads) % p.n_kv_heads;
  let cached = cache_word(row, kv_head, p.n_kv_heads, p.head_dim);
  if (head >= p.n_heads + p.n_kv_heads) {
    v_cache[cached + words.first] = pack(values[0]);
    v_cache[cached + words.second] = pack(values[1]);
    return;
  }
  let rotated = rotate_quad(values, quad, row.pos);
  k_cache[cached + words.first] = pack(rotated[0]);
  k_cache[cached + words.second] = pack(rotated[1]);
}
