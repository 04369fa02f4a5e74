//! SiLU, x / (1 + exp(-x)). exp(80) is finite, and x / exp(80) as good as 0.

fn activate(x: f32) -> f32 { return x / (1.0 + exp(min(-x, 80.0))); }

fn gated(gate: f32, up: f32) -> f32 { return activate(gate) * up; }
