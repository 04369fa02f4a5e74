//! Puts the units of x into storage one after another, where matmul_dot finds them.
//! import: x_int16

@group(0) @binding(1) var<storage, read_write> x_bytes: array<vec2u>;  // [rows, K / 32, high and low, 4]
@group(0) @binding(2) var<storage, read_write> x_lines: array<vec4f>;  // [rows, K / 32]

fn put_eight(row: u32, eight: u32, high: vec2u, low: vec2u) {
  let at = (row * (K / 32u) + eight / 4u) * 8u + eight % 4u;
  x_bytes[at] = high;
  x_bytes[at + 4u] = low;
}

fn put_line(row: u32, unit: u32, line: vec4f) { x_lines[row * (K / 32u) + unit] = line; }
