//! NVFP4: a scale for each half of a unit, in the file a float of eight bits, times floats of four bits.
//! import: e2m1_levels

const UNIT = 32u;
const LINES = 2u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]
@group(0) @binding(4) var<storage, read> scales: array<u32>;    // [rows, units]: f16, half the scales of the halves

struct Unit {
  quants: vec4u,
  scales: vec2f,
}

fn load_unit(i: u32) -> Unit { return Unit(quants[i], unpack2x16float(scales[i])); }

fn dot_words(unit: Unit, eight: u32) -> vec2u { return level_words(unit.quants, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f { return vec2f(unit.scales[half], 0.0); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f { return unit.scales[quad / 4u] * levels(unit.quants, quad); }
