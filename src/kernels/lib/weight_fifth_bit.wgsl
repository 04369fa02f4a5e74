//! 32 numbers of five bits: weight_nibbles, and a word of fifth bits.
//! import: weight_nibbles
//! import: weight_one_bit

fn five_bit_words(words: vec4u, high: u32, eight: u32) -> vec2u {
  return nibble_words(words, eight) | (one_bit_words(high, eight) << vec2u(4u));
}

fn five_bits(words: vec4u, high: u32, quad: u32) -> vec4u {
  return quad_of_dot_words(five_bit_words(words, high, quad / 2u), quad % 2u);
}
