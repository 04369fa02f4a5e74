//! Q5_0: d (q - 16), q in 0 .. 31; a scale d for each unit.
//! import: weight_fifth_bit

const UNIT = 32u;
const LINES = 1u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]
@group(0) @binding(4) var<storage, read> high: array<u32>;      // [rows, units]
@group(0) @binding(5) var<storage, read> scales: array<u32>;    // [rows * units]: f16, two a word

struct Unit {
  quants: vec4u,
  high: u32,
  scale: f32,
}

fn load_unit(i: u32) -> Unit {
  return Unit(quants[i], high[i], unpack2x16float(scales[i / 2u])[i % 2u]);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return five_bit_words(unit.quants, unit.high, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f { return unit.scale * vec2f(1.0, -16.0); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  return unit.scale * (vec4f(five_bits(unit.quants, unit.high, quad)) - 16.0);
}
