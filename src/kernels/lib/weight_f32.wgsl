//! F32: one plane, rows padded with zeros to whole units.

const UNIT = 4u;
@group(0) @binding(3) var<storage, read> values: array<vec4f>;  // [rows, units]

struct Unit {
  values: vec4f,
}

fn load_unit(i: u32) -> Unit { return Unit(values[i]); }

fn unit_quad(unit: Unit, quad: u32) -> vec4f { return unit.values; }
