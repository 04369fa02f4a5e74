//! unit_halves for weights that are halves.
//! import: weight

fn unit_halves(unit: Unit, eight: u32) -> vec4u { return unit.halves; }
