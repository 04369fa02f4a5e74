//! The gated delta rule: a matrix S [k_dim, v_dim] for each head of v, row after row of a sequence.
//!   g = exp(decay * softplus(alpha + dt_bias)), b = sigmoid(beta)
//!   S = g S + k (b (v - g k^T S))^T,  y = q^T S
//! A lane keeps a column of S in registers, by fours; all lanes of a workgroup read the same q and k.
//! const kQuads = k_dim / 4
//! grid: x covers the columns of each head in turn, y: a sequence
//! import: step

override WG: u32;
override GROUPED: bool;  // neighbouring heads of v share one of k

struct Params {
  sequences: u32,
  k_heads: u32,
  v_heads: u32,
  v_dim: u32,  // a multiple of 4
  gates_stride: u32,
  first_beta: u32,
  first_alpha: u32,
  quads: u32,  // kQuads, for loops that are not unrolled
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> sequences: array<Sequence>;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;             // [rows, q, k and v by fours]
@group(0) @binding(2) var<storage, read> gates: array<f32>;             // [rows, gates_stride]
@group(0) @binding(3) var<storage, read> heads: array<f32>;             // [2, v_heads]: decay, dt_bias
@group(0) @binding(4) var<storage, read_write> states: array<vec4f>;    // [states, v_heads, kQuads, v_dim]
@group(0) @binding(5) var<storage, read_write> y: array<f32>;           // [rows, v_heads, v_dim]

// exp(20) + 1 is exp(20) but for rounding.
fn softplus(x: f32) -> f32 { return select(log(1.0 + exp(min(x, 20.0))), x, x > 20.0); }

// x / exp(80) is as good as 0, and exp(80) finite.
fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(min(-x, 80.0))); }

fn sum_of(v: vec4f) -> f32 { return (v.x + v.y) + (v.z + v.w); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let groups_a_head = (p.v_dim + WG - 1u) / WG;
  let head = group.x / groups_a_head;
  let column = group.x % groups_a_head * WG + lane;
  if (column >= p.v_dim) { return; }
  let sequence = sequences[group.y];
  let k_head = select(head % p.k_heads, head / (p.v_heads / p.k_heads), GROUPED);
  let row_quads = 2u * p.k_heads * kQuads + p.v_heads * p.v_dim / 4u;
  let q_quad = k_head * kQuads;
  let k_quad = (p.k_heads + k_head) * kQuads;
  let v_quad = 2u * p.k_heads * kQuads + (head * p.v_dim + column) / 4u;

  let size = p.v_heads * kQuads * p.v_dim;  // of a state
  let first_quad = head * kQuads * p.v_dim + column;
  var s: array<vec4f, kQuads>;
  if (sequence.before != kNoState) {
    for (var i = 0u; i < kQuads; i++) {  //! unroll
      s[i] = states[sequence.before * size + first_quad + i * p.v_dim];
    }
  }
  let decay = heads[head];
  let dt_bias = heads[p.v_heads + head];
  for (var n = 0u; n < sequence.n_rows; n++) {
    let row = sequence.first_row + n;
    let first = row * row_quads;
    let gate = row * p.gates_stride + head;
    let g = exp(decay * softplus(gates[gate + p.first_alpha] + dt_bias));
    let b = sigmoid(gates[gate + p.first_beta]);
    var known = vec4f();
    for (var i = 0u; i < kQuads; i++) {  //! unroll
      known += s[i] * qkv[first + k_quad + i];
    }
    let change = b * (qkv[first + v_quad][column % 4u] - g * sum_of(known));
    var read = vec4f();
    for (var i = 0u; i < kQuads; i++) {  //! unroll
      s[i] = g * s[i] + change * qkv[first + k_quad + i];
      read += s[i] * qkv[first + q_quad + i];
    }
    y[(row * p.v_heads + head) * p.v_dim + column] = sum_of(read);
  }
  for (var i = 0u; i < kQuads; i++) {  //! unroll
    states[sequence.state * size + first_quad + i * p.v_dim] = s[i];
  }
  if (sequence.kept == kNoState) { return; }
  for (var i = 0u; i < kQuads; i++) {  //! unroll
    states[sequence.kept * size + first_quad + i * p.v_dim] = s[i];
  }
}
