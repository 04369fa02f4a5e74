//! Q6_K: d scale (q - 32), q in 0 .. 63; a scale in -128 .. 127 for each half of a unit, d for eight units.
//! import: weight_nibbles

const UNIT = 32u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]: the low four bits
@group(0) @binding(4) var<storage, read> high: array<vec2u>;    // [rows, units]: the high two, of 16 elements a word
@group(0) @binding(5) var<storage, read> scales: array<u32>;    // [rows, units / 2]: four bytes
@group(0) @binding(6) var<storage, read> super_scales: array<u32>;  // [rows * units / 8]: f16 d, two a word

struct Unit {
  quants: vec4u,
  high: vec2u,
  scales: vec2f,
}

fn load_unit(i: u32) -> Unit {
  let four = vec4f(unpack4xI8(scales[i / 2u]));
  let block = i / 8u;
  let d = unpack2x16float(super_scales[block / 2u])[block % 2u];
  return Unit(quants[i], high[i], d * select(four.xy, four.zw, i % 2u == 1u));
}

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  let pairs = vec4u(unit.high[quad / 4u] >> (8u * (quad % 4u))) >> vec4u(0u, 2u, 4u, 6u);
  let q = nibbles(unit.quants, quad) | ((pairs & vec4u(3u)) << vec4u(4u));
  return unit.scales[quad / 4u] * (vec4f(q) - 32.0);
}
