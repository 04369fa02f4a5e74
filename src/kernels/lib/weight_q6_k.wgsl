//! Q6_K: d scale (q - 32), q in 0 .. 63; a scale in -128 .. 127 for each half of a unit, d for eight units.
//! import: weight_six_bits

const UNIT = 32u;
const LINES = 2u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]: the low four bits
@group(0) @binding(4) var<storage, read> high: array<vec2u>;    // [rows, units]: the high two
@group(0) @binding(5) var<storage, read> scales: array<u32>;    // half_scales()

struct Unit {
  quants: vec4u,
  high: vec2u,
  d: u32,       // as it lies in scales
  scales: u32,  // the halves' in the low two bytes
}

fn load_unit(i: u32) -> Unit {
  let at = half_scales(i);
  return Unit(quants[i], high[i], scales[at.d], scales[at.word] >> at.shift);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return six_bit_words(unit.quants, unit.high, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f { return six_bit_line(unit.d, unit.scales, half); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  let q = quad_of_dot_words(dot_words(unit, quad / 2u), quad % 2u);
  return unit_line(unit, quad / 4u).x * (vec4f(q) - 32.0);
}
