//! F16: one plane, rows padded with zeros to whole units.

const UNIT = 8u;
@group(0) @binding(3) var<storage, read> halves: array<vec4u>;  // [rows, units]

struct Unit {
  halves: vec4u,
}

fn load_unit(i: u32) -> Unit { return Unit(halves[i]); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f {
  return vec4f(unpack2x16float(unit.halves[2u * quad]), unpack2x16float(unit.halves[2u * quad + 1u]));
}
