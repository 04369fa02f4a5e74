//! 32 bits in a word. Bit 8 b + w of it belongs to byte b of dot word (dot_order) w, 0 to 7.

// Those of elements 8 eight to 8 eight + 7 in dot order.
fn one_bit_words(word: u32, eight: u32) -> vec2u {
  return (vec2u(word) >> (2u * eight + vec2u(0u, 1u))) & vec2u(0x01010101u);
}
