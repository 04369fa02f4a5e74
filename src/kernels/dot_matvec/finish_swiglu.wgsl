//! A pair is a value of the gate and one of what it gates: y = gated(gate, up) (swiglu.wgsl).
//! import: activation

@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [rows, pairs]

fn finish(row: u32, pair: u32, values: vec2f) { y[row * p.pairs + pair] = gated(values.x, values.y); }
