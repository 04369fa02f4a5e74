//! 32 numbers of four bits in four words: a word has eight, those of the first dot word (dot_order) in the low
//! halves of its bytes and those of the second in the high.
//! import: dot_order

// Elements 8 eight to 8 eight + 7 in dot order.
fn nibble_words(words: vec4u, eight: u32) -> vec2u {
  return (vec2u(words[eight]) >> vec2u(0u, 4u)) & vec2u(0x0f0f0f0fu);
}

// Elements 4 quad to 4 quad + 3.
fn nibbles(words: vec4u, quad: u32) -> vec4u {
  let word = words[quad / 2u] >> (8u * (quad % 2u));
  return (vec4u(word) >> vec4u(0u, 16u, 4u, 20u)) & vec4u(15u);
}
