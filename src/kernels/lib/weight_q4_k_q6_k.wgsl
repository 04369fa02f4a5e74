//! Q4_K in the rows before Q6_K_FROM and Q6_K from there on (weight_q4_k, weight_q6_k), each with planes of its own.
//! For dot words and lines alone. UNITS (of a row) is an override of the kernel.
//! import: weight_k_header
//! import: weight_six_bits
//! import: unit_place

override Q6_K_FROM: u32;  // row, a multiple of kRowGroup

const UNIT = 32u;
const LINES = 2u;
const kIsQ6K = 8u;  // in the place of a unit's place
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;
@group(0) @binding(4) var<storage, read> headers: array<vec4u>;
@group(0) @binding(5) var<storage, read> low: array<vec4u>;
@group(0) @binding(6) var<storage, read> high: array<vec2u>;
@group(0) @binding(7) var<storage, read> scales: array<u32>;

struct Unit {
  quants: vec4u,
  high: vec2u,
  header: vec4u,  // or d and scales of Q6_K
  place: u32,     // among the header's eight
}

fn load_unit(i: u32) -> Unit {
  let first = Q6_K_FROM * UNITS;
  if (i < first) { return Unit(quants[i], vec2u(), headers[of_eight_units(i)], i / kRowGroup % 8u); }
  let q6 = i - first;
  let at = half_scales(q6);
  return Unit(low[q6], high[q6], vec4u(scales[at.d], scales[at.word] >> at.shift, 0u, 0u), kIsQ6K);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return six_bit_words(unit.quants, unit.high, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f {
  if (unit.place == kIsQ6K) { return six_bit_line(unit.header.x, unit.header.y, half); }
  return scale_and_offset(unit.header, unit.place);
}
