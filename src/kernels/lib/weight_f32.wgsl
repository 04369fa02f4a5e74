//! F32: one plane, rows padded with zeros to whole units.

const UNIT = 8u;
@group(0) @binding(3) var<storage, read> values: array<vec4f>;  // [rows, units, 2]

struct Unit {
  first: vec4f,
  second: vec4f,
}

fn load_unit(i: u32) -> Unit { return Unit(values[2u * i], values[2u * i + 1u]); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f { return select(unit.first, unit.second, quad == 1u); }
