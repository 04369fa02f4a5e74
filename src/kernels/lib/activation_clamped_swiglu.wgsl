//! gpt-oss: with g = min(gate, 7) and u = clamp(up, -7, 7), g sigmoid(1.702 g) (u + 1). exp(80) is finite, and
//! g / exp(80) as good as 0.

fn activate(x: f32) -> f32 {
  let gate = min(x, 7.0);
  return gate / (1.0 + exp(min(-1.702 * gate, 80.0)));
}

fn gated(gate: f32, up: f32) -> f32 { return activate(gate) * (clamp(up, -7.0, 7.0) + 1.0); }
