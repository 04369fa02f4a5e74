//! The numbers and lines of Q6_K: q in 0 .. 63, whose low four bits are nibbles, and a scale for each half of a unit.
//! import: weight_nibbles
//! import: weight_two_bits
//! import: half_scales

// Elements 8 eight to 8 eight + 7 in dot order. `high`: as of two_bit_words(), which become bits 4 and 5 in one shift.
fn six_bit_words(nibbles: vec4u, high: vec2u, eight: u32) -> vec2u {
  let word = high[eight / 2u];
  let top = select(vec2u(word << 4u, word << 2u), vec2u(word, word >> 2u), eight % 2u == 1u);
  return nibble_words(nibbles, eight) | (top & vec2u(0x30303030u));
}

// `d`: bits of an f32; `two`: the halves' scales in the low two bytes.
fn six_bit_line(d: u32, two: u32, half: u32) -> vec2f {
  let scale = bitcast<f32>(d) * f32(unpack4xI8(two)[half]);
  return scale * vec2f(1.0, -32.0);
}
