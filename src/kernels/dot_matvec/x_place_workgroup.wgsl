//! Keeps the units of one row of x in workgroup memory.
//! import: x_int16

var<workgroup> x_high: array<vec2u, K / 8u>;  // [4, units], as neighbouring lanes read it
var<workgroup> x_low: array<vec2u, K / 8u>;
var<workgroup> x_line: array<vec4f, K / 32u>;

fn put_eight(row: u32, eight: u32, high: vec2u, low: vec2u) {
  let at = eight % 4u * (K / 32u) + eight / 4u;
  x_high[at] = high;
  x_low[at] = low;
}

fn put_line(row: u32, unit: u32, line: vec4f) { x_line[unit] = line; }

fn load_x(row: u32, unit: u32) -> XUnit {
  let n = K / 32u;
  return XUnit(array(x_high[unit], x_high[n + unit], x_high[2u * n + unit], x_high[3u * n + unit]),
               array(x_low[unit], x_low[n + unit], x_low[2u * n + unit], x_low[3u * n + unit]), x_line[unit]);
}
