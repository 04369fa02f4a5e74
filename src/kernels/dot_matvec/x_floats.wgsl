//! Units of 8 activations as f32, straight from storage, and their products with those of a weight.
//! import: lane_subgroup
//! import: source_row
//! import: weight
//! import: dot_add
//! import: x_norm

override WG: u32;
override K: u32;  // elements of a row, a multiple of 8

@group(0) @binding(0) var<storage, read> x_rows: array<vec4f>;  // [source rows, K / 4]

var<private> norm_of_row: f32;

struct XUnit {
  first: vec4f,
  second: vec4f,
}

fn unit_dot(unit: Unit, x: XUnit) -> f32 {
  return dot_add(unit_quad(unit, 1u), x.second, dot_add(unit_quad(unit, 0u), x.first, 0.0));
}

// With a norm, loads are of this row alone.
fn prepare_x(row: u32, lane: Lane) {
  if (!HAS_NORM) { return; }
  let first = source_row(row) * (K / 4u);
  var squares = 0.0;
  for (var quad = lane.index; quad < K / 4u; quad += WG) {
    let four = x_rows[first + quad];
    squares += dot(four, four);
  }
  norm_of_row = norm_factor(squares, K, lane);
}

fn load_x(row: u32, unit: u32) -> XUnit {
  let first = source_row(row) * (K / 4u) + 2u * unit;
  let two = XUnit(x_rows[first], x_rows[first + 1u]);
  if (!HAS_NORM) { return two; }
  return XUnit(norm_of_row * two.first * norm_weight(2u * unit), norm_of_row * two.second * norm_weight(2u * unit + 1u));
}
