//! Types of few levels (TQ1_0 to IQ2_S): d scale level, and a level is 0, 1, 2, 7, 8, 9, 25, 43 or one's negative; a
//! scale in -128 .. 127 for each half of a unit, d for eight units. Quants are the level's place in this list, and 8 more
//! where it is negative; 0 has no negative.
//! import: nibble_levels
//! import: half_scales

const UNIT = 32u;
const LINES = 2u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]
@group(0) @binding(4) var<storage, read> scales: array<u32>;    // half_scales(), f32 d

struct Unit {
  quants: vec4u,
  d: f32,
  scales: u32,  // the halves' in the low two bytes
}

fn load_unit(i: u32) -> Unit {
  let at = half_scales(i);
  return Unit(quants[i], bitcast<f32>(scales[at.d]), scales[at.word] >> at.shift);
}

// In all bytes of a word each, by pairs: levels at even places and at odd ones.
const kEvenLevels = 0x01010101u * vec4u(0u, 2u, 8u, 25u);
const kOddLevels = 0x01010101u * vec4u(1u, 7u, 9u, 43u);

// Each bit, lowest first, halves the levels that are left; the last one is the sign.
fn level_bytes(numbers: u32) -> u32 {
  let bits = (vec4u(numbers) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(0x01010101u);
  let ones = 255u * bits;
  let of_eight = kEvenLevels ^ (vec4u(ones.x) & (kEvenLevels ^ kOddLevels));
  let of_four = of_eight.xz ^ (vec2u(ones.y) & (of_eight.xz ^ of_eight.yw));
  let magnitude = of_four.x ^ (ones.z & (of_four.x ^ of_four.y));
  return (magnitude ^ ones.w) + bits.w;
}

fn dot_words(unit: Unit, eight: u32) -> vec2u { return level_words(unit.quants, eight); }

fn unit_line(unit: Unit, half: u32) -> vec2f {
  return vec2f(unit.d * f32(unpack4xI8(unit.scales)[half]), 0.0);
}

fn unit_quad(unit: Unit, quad: u32) -> vec4f { return unit_line(unit, quad / 4u).x * levels(unit.quants, quad); }
