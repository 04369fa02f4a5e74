//! x_quads where all lanes of a subgroup are at the same unit, and are at least UNIT / 4: each loads one quad and
//! hands it round. Worth it where lanes that load the same are not served by one load: on a CPU.
//! enable: subgroups
//! diagnostic_off: subgroup_uniformity

@group(0) @binding(0) var<storage, read> x: array<vec4f>;  // [rows, p.k / 4]

struct XUnit {
  quad: vec4f,
}

fn load_x(row: u32, unit: u32, lane: Lane) -> XUnit {
  return XUnit(x[row * (p.k / 4u) + unit * (UNIT / 4u) + lane.in_subgroup % (UNIT / 4u)]);
}

fn x_quad(mine: XUnit, quad: u32) -> vec4f { return subgroupShuffle(mine.quad, quad); }
