//! GELU by tanh: x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), which is x / (1 + exp(-2 u)).

fn activate(x: f32) -> f32 {
  let u = 0.7978845608 * x * (1.0 + 0.044715 * x * x);
  return x / (1.0 + exp(min(-2.0 * u, 80.0)));
}

fn gated(gate: f32, up: f32) -> f32 { return activate(gate) * up; }
