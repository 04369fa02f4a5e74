//! Units of x that quantize_rows left in storage.
//! import: x_int16

@group(0) @binding(0) var<storage, read> x_bytes: array<vec2u>;  // [rows, high and low, 4, units]
@group(0) @binding(8) var<storage, read> x_lines: array<vec4f>;  // [rows, units]

fn prepare_x(row: u32, lane: Lane) {}

fn load_x(row: u32, unit: u32) -> XUnit {
  let high = row * (8u * UNITS) + unit;
  let low = high + 4u * UNITS;
  return XUnit(array(x_bytes[high], x_bytes[high + UNITS], x_bytes[high + 2u * UNITS], x_bytes[high + 3u * UNITS]),
               array(x_bytes[low], x_bytes[low + UNITS], x_bytes[low + 2u * UNITS], x_bytes[low + 3u * UNITS]),
               x_lines[row * UNITS + unit]);
}
