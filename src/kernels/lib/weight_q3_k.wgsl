//! Q3_K: d scale (q - 4), q in 0 .. 7; a scale in -32 .. 31 for each half of a unit, d for eight units.
//! import: weight_two_bits
//! import: weight_one_bit
//! import: half_scales

const UNIT = 32u;
const LINES = 2u;
@group(0) @binding(3) var<storage, read> quants: array<vec2u>;  // [rows, units]: the low two bits
@group(0) @binding(4) var<storage, read> high: array<u32>;      // [rows, units]: the third
@group(0) @binding(5) var<storage, read> scales: array<u32>;    // half_scales(), f32 d

struct Unit {
  quants: vec2u,
  high: u32,
  d: f32,
  scales: u32,  // the halves' in the low two bytes
}

fn load_unit(i: u32) -> Unit {
  let at = half_scales(i);
  return Unit(quants[i], high[i], bitcast<f32>(scales[at.d]), scales[at.word] >> at.shift);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u {
  return two_bit_words(unit.quants, eight) | (one_bit_words(unit.high, eight) << vec2u(2u));
}

fn unit_line(unit: Unit, half: u32) -> vec2f {
  return unit.d * f32(unpack4xI8(unit.scales)[half]) * vec2f(1.0, -4.0);
}

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  let q = quad_of_dot_words(dot_words(unit, quad / 2u), quad % 2u);
  return unit_line(unit, quad / 4u).x * (vec4f(q) - 4.0);
}
