//! cap * tanh(x / cap). From 10 on, tanh is 1 in f32.

fn soft_cap(x: f32, cap: f32) -> f32 {
  return cap - 2.0 * cap / (1.0 + exp(2.0 * clamp(x / cap, -10.0, 10.0)));
}
