//! A pair is a value of a chosen expert's gate and one of what it gates: y = weight gated(gate, up), times the
//! router's weight here, so that finish_expert_sum has a plain sum to store. If WEIGHS_GATE, the weight multiplies
//! gate as well.
//! import: activation

override HAS_BIAS: bool;
override WEIGHS_GATE: bool;

@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [rows, USED, pairs]
@group(0) @binding(2) var<storage, read> bias: array<f32>;     // [experts, N]; not read unless HAS_BIAS

fn finish(row: u32, pair: u32, values: vec2f) {
  let choice = choices[row];
  var both = values;
  if (HAS_BIAS) {
    let first = choice.expert * N + pair;
    both += vec2f(bias[first], bias[first + p.pairs]);
  }
  if (WEIGHS_GATE) { both.x *= choice.weight; }
  y[row * p.pairs + pair] = choice.weight * gated(both.x, both.y);
}
