//! The product of a unit of a quantised weight and one of x_int16: exact sums of integers, then lines.
//! import: weight
//! import: x_int16

// What a unit's numbers are unpacked to: its eights in dot order, and the lines of its halves, which may be one.
struct Words {
  first: vec4u,
  last: vec4u,
  line: vec2f,
  line_of_last: vec2f,
}

fn words_of_half(unit: Unit, half: u32) -> vec4u {
  return vec4u(dot_words(unit, 2u * half), dot_words(unit, 2u * half + 1u));
}

fn words_of(unit: Unit) -> Words {
  return Words(words_of_half(unit, 0u), words_of_half(unit, 1u), unit_line(unit, 0u), unit_line(unit, LINES - 1u));
}

fn dot_eight(words: vec2u, x: XUnit, eight: u32) -> vec2i {
  let high = x.high[eight];
  let low = x.low[eight];
  return vec2i(dot4I8Packed(words.x, high.x) + dot4I8Packed(words.y, high.y),
               dot4I8Packed(words.x, low.x) + dot4I8Packed(words.y, low.y));
}

fn value(sums: vec2i) -> f32 { return f32(256 * sums.x + sums.y); }

fn words_dot(words: Words, x: XUnit) -> f32 {
  let first = dot_eight(words.first.xy, x, 0u) + dot_eight(words.first.zw, x, 1u);
  let last = dot_eight(words.last.xy, x, 2u) + dot_eight(words.last.zw, x, 3u);
  let line = words.line;
  if (LINES == 1u) { return line.x * x.line.x * value(first + last) + line.y * (x.line.y + x.line.z); }
  return x.line.x * (line.x * value(first) + words.line_of_last.x * value(last)) +
         line.y * x.line.y + words.line_of_last.y * x.line.z;
}

fn unit_dot(unit: Unit, x: XUnit) -> f32 { return words_dot(words_of(unit), x); }
