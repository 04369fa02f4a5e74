//! The product of a unit of a quantised weight and one of x_int16: exact sums of integers, then lines.
//! import: weight
//! import: x_int16

fn dot_eight(words: vec2u, x: XUnit, eight: u32) -> vec2i {
  let high = x.high[eight];
  let low = x.low[eight];
  return vec2i(dot4I8Packed(words.x, high.x) + dot4I8Packed(words.y, high.y),
               dot4I8Packed(words.x, low.x) + dot4I8Packed(words.y, low.y));
}

fn value(sums: vec2i) -> f32 { return f32(256 * sums.x + sums.y); }

fn unit_dot(unit: Unit, x: XUnit) -> f32 {
  let first = dot_eight(dot_words(unit, 0u), x, 0u) + dot_eight(dot_words(unit, 1u), x, 1u);
  let last = dot_eight(dot_words(unit, 2u), x, 2u) + dot_eight(dot_words(unit, 3u), x, 3u);
  let line = unit_line(unit, 0u);
  if (LINES == 1u) { return line.x * x.line.x * value(first + last) + line.y * (x.line.y + x.line.z); }
  let line_of_last = unit_line(unit, 1u);
  return x.line.x * (line.x * value(first) + line_of_last.x * value(last)) +
         line.y * x.line.y + line_of_last.y * x.line.z;
}
