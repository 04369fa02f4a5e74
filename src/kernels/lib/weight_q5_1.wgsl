//! Q5_1: d q + m, q in 0 .. 31; d and m for each unit.
//! import: weight_fifth_bit

const UNIT = 32u;
const LINES = 1u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]
@group(0) @binding(4) var<storage, read> high: array<u32>;      // [rows, units]
@group(0) @binding(5) var<storage, read> scales: array<u32>;    // [rows, units]: f16 d, m

struct Unit {
  quants: vec4u,
  high: u32,
  scale: f32,
  offset: f32,
}

fn load_unit(i: u32) -> Unit {
  let scale = unpack2x16float(scales[i]);
  return Unit(quants[i], high[i], scale.x, scale.y);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return five_bit_words(unit.quants, unit.high, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f { return vec2f(unit.scale, unit.offset); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  return unit.scale * vec4f(five_bits(unit.quants, unit.high, quad)) + unit.offset;
}
