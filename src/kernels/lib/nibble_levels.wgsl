//! 32 numbers of four bits (weight_nibbles), each of which stands for a whole number of a signed byte. The format's
//! file has level_bytes(), of four of them, one a byte.
//! import: weight_nibbles

// Elements 8 eight to 8 eight + 7 in dot order.
fn level_words(quants: vec4u, eight: u32) -> vec2u {
  let words = nibble_words(quants, eight);
  return vec2u(level_bytes(words.x), level_bytes(words.y));
}

// Elements 4 quad to 4 quad + 3.
fn levels(quants: vec4u, quad: u32) -> vec4f {
  let bytes = quad_of_dot_words(level_words(quants, quad / 2u), quad % 2u);
  return vec4f(bitcast<vec4i>(bytes << vec4u(24u)) >> vec4u(24u));
}
