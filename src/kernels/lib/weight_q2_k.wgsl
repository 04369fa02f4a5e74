//! Q2_K: d scale q - dmin min, q in 0 .. 3; scale and min of four bits for each half of a unit, d and dmin for eight
//! units.
//! import: weight_two_bits
//! import: half_scales

const UNIT = 32u;
const LINES = 2u;
@group(0) @binding(3) var<storage, read> quants: array<vec2u>;  // [rows, units]
@group(0) @binding(4) var<storage, read> scales: array<u32>;    // half_scales(): min above scale; f16 d, dmin

struct Unit {
  quants: vec2u,
  d: u32,       // and dmin
  scales: u32,  // the halves' in the low two bytes
}

fn load_unit(i: u32) -> Unit {
  let at = half_scales(i);
  return Unit(quants[i], scales[at.d], scales[at.word] >> at.shift);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return two_bit_words(unit.quants, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f {
  let own = unit.scales >> (8u * half);
  return unpack2x16float(unit.d) * vec2f(f32(own & 15u), -f32((own >> 4u) & 15u));
}

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  let line = unit_line(unit, quad / 4u);
  return line.x * vec4f(quad_of_dot_words(dot_words(unit, quad / 2u), quad % 2u)) + line.y;
}
