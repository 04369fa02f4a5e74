//! MXFP4 (OCP Microscaling Formats 1.0): a scale 2^(e - 127) for each unit, times floats of four bits: a sign, two bits
//! of exponent, one of mantissa. Levels are twice those floats, 0, 1, 2, 3, 4, 6, 8, 12 and their negatives.
//! import: nibble_levels

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

// With mantissa m: m, 2 + m, and that once or twice doubled, by the exponent.
fn level_bytes(numbers: u32) -> u32 {
  let mantissa = numbers & 0x01010101u;
  let low = (numbers >> 1u) & 0x01010101u;  // of the exponent
  let high = (numbers >> 2u) & 0x01010101u;
  let single = mantissa | ((low | high) << 1u);
  let is_low = low * 255u;
  let is_high = high * 255u;
  let magnitude = (single & ~is_high) | ((single << 1u) & is_high & ~is_low) | ((single << 2u) & is_high & is_low);
  let negative = (numbers >> 3u) & (mantissa | low | high);  // 0 has no sign
  return (magnitude ^ (negative * 255u)) + negative;
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return level_words(unit.quants, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f { return vec2f(unit.scale, 0.0); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f { return unit.scale * levels(unit.quants, quad); }
