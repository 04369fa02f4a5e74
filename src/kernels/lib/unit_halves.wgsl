//! A weight's unit as halves, eight at a time: element 8 eight + 2 i and the next in word i. What f16 cannot hold
//! becomes its largest number. Formats of levels have unit_halves_levels.
//! import: weight

fn half_pairs(quad: vec4f) -> vec2u {
  let held = clamp(quad, vec4f(-65504.0), vec4f(65504.0));
  return vec2u(pack2x16float(held.xy), pack2x16float(held.zw));
}

fn unit_halves(unit: Unit, eight: u32) -> vec4u {
  return vec4u(half_pairs(unit_quad(unit, 2u * eight)), half_pairs(unit_quad(unit, 2u * eight + 1u)));
}
