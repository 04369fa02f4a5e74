//! The unevenly spaced levels of IQ4_NL and IQ4_XS: -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69,
//! 89, 113. Four numbers are looked up at a time: each bit of them, lowest first, halves the levels that are left.
//! import: nibble_levels

// In all bytes of a word each: levels 0, 2, 4, 6; 1, 3, 5, 7; 8, 10, 12, 14; 9, 11, 13, 15.
const kEvenLevels = 0x01010101u * vec4u(0x81u, 0xadu, 0xcfu, 0xeau);
const kOddLevels = 0x01010101u * vec4u(0x98u, 0xbfu, 0xddu, 0xf6u);
const kEvenHighLevels = 0x01010101u * vec4u(0x01u, 0x19u, 0x35u, 0x59u);
const kOddHighLevels = 0x01010101u * vec4u(0x0du, 0x26u, 0x45u, 0x71u);

fn level_bytes(numbers: u32) -> u32 {
  let ones = 255u * ((vec4u(numbers) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(0x01010101u));  // 255 where the bit is set
  let low = kEvenLevels ^ (vec4u(ones.x) & (kEvenLevels ^ kOddLevels));
  let high = kEvenHighLevels ^ (vec4u(ones.x) & (kEvenHighLevels ^ kOddHighLevels));
  let of_eight = vec4u(low.xz, high.xz) ^ (vec4u(ones.y) & (vec4u(low.xz, high.xz) ^ vec4u(low.yw, high.yw)));
  let of_four = of_eight.xz ^ (vec2u(ones.z) & (of_eight.xz ^ of_eight.yw));
  return of_four.x ^ (ones.w & (of_four.x ^ of_four.y));
}
