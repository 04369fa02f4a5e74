//! IQ4_XS: d (scale - 32) level, one of sixteen; a scale of six bits for each unit, d for eight units.
//! import: iq4_levels
//! import: unit_place

const UNIT = 32u;
const LINES = 1u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]
// [rows, units / 8]: f16 d and the high two bits of the scales, the low four
@group(0) @binding(4) var<storage, read> headers: array<vec2u>;

struct Unit {
  quants: vec4u,
  scale: f32,
}

fn load_unit(i: u32) -> Unit {
  let header = headers[of_eight_units(i)];
  let place = i / kRowGroup % 8u;  // among the header's eight
  let low = (header.y >> (4u * place)) & 15u;
  let high = (header.x >> (16u + 2u * place)) & 3u;
  return Unit(quants[i], unpack2x16float(header.x).x * f32(i32(low | (high << 4u)) - 32));
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return level_words(unit.quants, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f { return vec2f(unit.scale, 0.0); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f { return unit.scale * levels(unit.quants, quad); }
