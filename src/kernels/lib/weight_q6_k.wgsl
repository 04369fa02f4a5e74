//! Q6_K: d scale (q - 32), q in 0 .. 63; a scale in -128 .. 127 for each half of a unit, d for eight units.
//! import: weight_nibbles
//! import: unit_place

const UNIT = 32u;
const LINES = 2u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]: the low four bits
// [rows, units]: the high two; bits 2 w + 8 b of a word belong to byte b of its dot word w, 0 to 3
@group(0) @binding(4) var<storage, read> high: array<vec2u>;
@group(0) @binding(5) var<storage, read> scales: array<u32>;    // [rows, units / 8, 5]: sixteen bytes, f32 d

struct Unit {
  quants: vec4u,
  high: vec2u,
  d: u32,       // as it lies in scales
  scales: u32,  // the halves' in the low two bytes
}

fn load_unit(i: u32) -> Unit {
  let unit = i / kRowGroup % 8u;
  let block = 5u * of_eight_units(i) - 4u * (i % kRowGroup);
  let two = scales[block + unit / 2u * kRowGroup] >> (16u * (unit % 2u));
  return Unit(quants[i], high[i], scales[block + 4u * kRowGroup], two);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u {
  let pairs = (vec2u(unit.high[eight / 2u]) >> (4u * (eight % 2u) + vec2u(0u, 2u))) & vec2u(0x03030303u);
  return nibble_words(unit.quants, eight) | (pairs << vec2u(4u));
}

fn unit_line(unit: Unit, half: u32) -> vec2f {
  let scale = bitcast<f32>(unit.d) * f32(unpack4xI8(unit.scales)[half]);
  return scale * vec2f(1.0, -32.0);
}

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  let q = quad_of_dot_words(dot_words(unit, quad / 2u), quad % 2u);
  return unit_line(unit, quad / 4u).x * (vec4f(q) - 32.0);
}
