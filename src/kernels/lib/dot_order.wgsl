//! How eight neighbouring numbers lie in the two words that packed dot products take, four bytes each:
//! elements 0, 4, 1, 5 and 2, 6, 3, 7. So a pair of neighbours in 16-bit lanes is one mask away from their
//! bytes, and nibbles of both words share one.

// The eight whose bytes are `first` and `second`, as elements 0 to 3 (half 0) or 4 to 7.
fn quad_of_dot_words(words: vec2u, half: u32) -> vec4u {
  return (words.xxyy >> (8u * half + vec4u(0u, 16u, 0u, 16u))) & vec4u(255u);
}
