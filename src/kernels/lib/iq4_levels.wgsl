//! The unevenly spaced levels of IQ4_NL and IQ4_XS: -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69,
//! 89, 113.
//! import: nibble_levels

const kIq4Levels = vec4u(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);  // four a word, the first in the lowest byte

fn level_bytes(numbers: u32) -> u32 {
  let each = (vec4u(numbers) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(15u);
  let is_odd_word = (each & vec4u(4u)) != vec4u(0u);
  let low = select(vec4u(kIq4Levels.x), vec4u(kIq4Levels.y), is_odd_word);
  let high = select(vec4u(kIq4Levels.z), vec4u(kIq4Levels.w), is_odd_word);
  let words = select(low, high, each >= vec4u(8u));
  let bytes = (words >> (8u * (each & vec4u(3u)))) & vec4u(255u);
  return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}
