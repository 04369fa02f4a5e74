//! Q8_0: d q, q in -128 .. 127; a scale d for each block of 32.

const UNIT = 16u;
@group(0) @binding(3) var<storage, read> quants: array<vec4u>;  // [rows, units]: bytes in order
@group(0) @binding(4) var<storage, read> scales: array<u32>;    // [rows * blocks]: f16, two a word

struct Unit {
  quants: vec4u,
  scale: f32,
}

fn load_unit(i: u32) -> Unit {
  let block = i / 2u;
  return Unit(quants[i], unpack2x16float(scales[block / 2u])[block % 2u]);
}

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  return unit.scale * vec4f(unpack4xI8(unit.quants[quad]));
}
