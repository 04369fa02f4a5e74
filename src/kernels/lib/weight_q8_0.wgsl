//! Q8_0: d q, q in -128 .. 127; a scale d for each unit.
//! import: dot_order

const UNIT = 32u;
const LINES = 1u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units, 2]: bytes in dot order
@group(0) @binding(4) var<storage, read> scales: array<u32>;    // [rows * units]: f16, two a word

struct Unit {
  first: vec4u,
  second: vec4u,
  scale: f32,
}

fn load_unit(i: u32) -> Unit {
  let first = 2u * i - i % kRowGroup;
  return Unit(quants[first], quants[first + kRowGroup], unpack2x16float(scales[i / 2u])[i % 2u]);
}

fn dot_words(unit: Unit, eight: u32) -> vec2u {
  let four = select(unit.second, unit.first, eight < 2u);
  return select(four.zw, four.xy, eight % 2u == 0u);
}

fn unit_line(unit: Unit, half: u32) -> vec2f { return vec2f(unit.scale, 0.0); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  let bytes = quad_of_dot_words(dot_words(unit, quad / 2u), quad % 2u);
  return unit.scale * vec4f(bitcast<vec4i>(bytes << vec4u(24u)) >> vec4u(24u));
}
