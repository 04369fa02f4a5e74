//! Floats of four bits: a sign, two bits of exponent, one of mantissa. Levels are twice those floats, 0, 1, 2, 3, 4, 6,
//! 8, 12 and their negatives.
//! import: nibble_levels

// With mantissa m: m, 2 + m, and that once or twice doubled, by the exponent.
fn level_bytes(numbers: u32) -> u32 {
  let mantissa = numbers & 0x01010101u;
  let low = (numbers >> 1u) & 0x01010101u;  // of the exponent
  let high = (numbers >> 2u) & 0x01010101u;
  let single = mantissa | ((low | high) << 1u);
  let is_low = low * 255u;
  let is_high = high * 255u;
  let magnitude = (single & ~is_high) | ((single << 1u) & is_high & ~is_low) | ((single << 2u) & is_high & is_low);
  let negative = (numbers >> 3u) & (mantissa | low | high);  // 0 has no sign
  return (magnitude ^ (negative * 255u)) + negative;
}
