//! Q5_K: d scale q - dmin min, q in 0 .. 31; scale and min for each unit, d and dmin for eight units.
//! import: weight_fifth_bit
//! import: weight_k_header

const UNIT = 32u;
const LINES = 1u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;   // [rows, units]
@group(0) @binding(4) var<storage, read> high: array<u32>;       // [rows, units]
@group(0) @binding(5) var<storage, read> headers: array<vec4u>;  // [rows, units / 8]

struct Unit {
  quants: vec4u,
  high: u32,
  header: vec4u,
  place: u32,  // among the header's eight
}

fn load_unit(i: u32) -> Unit {
  return Unit(quants[i], high[i], headers[of_eight_units(i)], i / kRowGroup % 8u);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return five_bit_words(unit.quants, unit.high, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f { return scale_and_offset(unit.header, unit.place); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  let line = unit_line(unit, 0u);
  return line.x * vec4f(five_bits(unit.quants, unit.high, quad)) + line.y;
}
