//! IQ4_NL: d level, one of sixteen; a scale d for each unit.
//! import: iq4_levels

const UNIT = 32u;
const LINES = 1u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]
@group(0) @binding(4) var<storage, read> scales: array<u32>;    // [rows * units]: f16, two a word

struct Unit {
  quants: vec4u,
  scale: f32,
}

fn load_unit(i: u32) -> Unit {
  return Unit(quants[i], unpack2x16float(scales[i / 2u])[i % 2u]);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return level_words(unit.quants, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f { return vec2f(unit.scale, 0.0); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f { return unit.scale * levels(unit.quants, quad); }
