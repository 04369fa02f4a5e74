//! BF16, the upper half of an f32: one plane, rows padded with zeros to whole units.

const UNIT = 8u;
@group(0) @binding(3) var<storage, read> halves: array<vec4u>;  // [rows, units]

struct Unit {
  halves: vec4u,
}

fn load_unit(i: u32) -> Unit { return Unit(halves[i]); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  let a = unit.halves[2u * quad];
  let b = unit.halves[2u * quad + 1u];
  return bitcast<vec4f>(vec4u(a << 16u, a & 0xffff0000u, b << 16u, b & 0xffff0000u));
}
