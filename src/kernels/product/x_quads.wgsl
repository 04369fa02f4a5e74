//! Four neighbouring elements of a row of x at a time; p.k is a multiple of UNIT.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;  // [rows, p.k / 4]

// The elements of x that meet one unit of a weight.
struct XUnit {
  first: u32,
}

fn load_x(row: u32, unit: u32, lane: Lane) -> XUnit {
  return XUnit(row * (p.k / 4u) + unit * (UNIT / 4u));
}

fn x_quad(mine: XUnit, quad: u32) -> vec4f { return x[mine.first + quad]; }
