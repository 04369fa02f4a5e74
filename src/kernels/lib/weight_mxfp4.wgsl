//! MXFP4 (OCP Microscaling Formats 1.0): a scale 2^(e - 127) for each unit, times floats of four bits.
//! import: e2m1_levels

const UNIT = 32u;
const LINES = 1u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]
@group(0) @binding(4) var<storage, read> scales: array<u32>;    // [rows * units]: e, four a word

struct Unit {
  quants: vec4u,
  scale: f32,  // 2^(e - 128); 0 where that is no normal number
}

fn load_unit(i: u32) -> Unit {
  let e = (scales[i / 4u] >> (8u * (i % 4u))) & 255u;
  return Unit(quants[i], bitcast<f32>((max(e, 1u) - 1u) << 23u));
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return level_words(unit.quants, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f { return vec2f(unit.scale, 0.0); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f { return unit.scale * levels(unit.quants, quad); }
