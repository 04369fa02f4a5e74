//! 32 numbers of four bits in four words: element e of a word's eight sits at nibble e / 2 + 4 (e % 2), so that
//! a pair of neighbours is one mask away from a pair of 16-bit lanes.

fn nibbles(words: vec4u, quad: u32) -> vec4u {
  let word = words[quad / 2u] >> (8u * (quad % 2u));
  return (vec4u(word) >> vec4u(0u, 16u, 4u, 20u)) & vec4u(15u);
}
