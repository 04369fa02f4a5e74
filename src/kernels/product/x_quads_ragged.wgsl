//! x_quads for any p.k: zeros follow the end of a row.

@group(0) @binding(0) var<storage, read> x: array<f32>;  // [rows, p.k]

struct XUnit {
  first: u32,
  k: u32,
}

fn load_x(row: u32, unit: u32, lane: Lane) -> XUnit {
  return XUnit(row * p.k + unit * UNIT, unit * UNIT);
}

fn x_quad(mine: XUnit, quad: u32) -> vec4f {
  var values = vec4f();
  for (var i = 0u; i < min(4u, max(p.k, mine.k + 4u * quad) - mine.k - 4u * quad); i++) {
    values[i] = x[mine.first + 4u * quad + i];
  }
  return values;
}
