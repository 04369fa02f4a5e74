//! 32 numbers of five bits: weight_nibbles, and the fifth bit of element e at bit e of one more word.
//! import: weight_nibbles

fn five_bits(words: vec4u, high: u32, quad: u32) -> vec4u {
  let bits = vec4u(high >> (4u * quad)) >> vec4u(0u, 1u, 2u, 3u);
  return nibbles(words, quad) | ((bits & vec4u(1u)) << vec4u(4u));
}
