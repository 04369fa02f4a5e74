//! 32 numbers of five bits: weight_nibbles, and a word of fifth bits. Bit 8 b + w of it belongs to byte b of dot
//! word w, 0 to 7.
//! import: weight_nibbles

fn five_bit_words(words: vec4u, high: u32, eight: u32) -> vec2u {
  let bits = (vec2u(high) >> (2u * eight + vec2u(0u, 1u))) & vec2u(0x01010101u);
  return nibble_words(words, eight) | (bits << vec2u(4u));
}

fn five_bits(words: vec4u, high: u32, quad: u32) -> vec4u {
  return quad_of_dot_words(five_bit_words(words, high, quad / 2u), quad % 2u);
}
