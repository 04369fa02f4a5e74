//! 32 numbers of two bits in two words. Bits 2 w + 8 b of a word belong to byte b of its dot word (dot_order) w, 0 to 3.
//! import: dot_order

// Elements 8 eight to 8 eight + 7 in dot order.
fn two_bit_words(words: vec2u, eight: u32) -> vec2u {
  return (vec2u(words[eight / 2u]) >> (4u * (eight % 2u) + vec2u(0u, 2u))) & vec2u(0x03030303u);
}
