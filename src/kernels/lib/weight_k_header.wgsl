//! The header of 256 elements of Q4_K and Q5_K, as it lies in the file: f16 d and dmin, then twelve bytes with a
//! scale and a min of six bits for each of eight units. Units 0 to 3 own the low six bits of bytes 0 to 3 (scale)
//! and 4 to 7 (min); units 4 to 7 have their low four bits in bytes 8 to 11 (scale low, min high) and their high
//! two in the top of bytes 0 to 3 and 4 to 7.
//! import: unit_place

// d * scale and -dmin * min of unit 0 .. 7
fn scale_and_offset(header: vec4u, unit: u32) -> vec2f {
  let is_late = unit >= 4u;  // without a branch: half of the lanes would wait for the other half
  let shift = 8u * (unit % 4u);
  let own = select(header.yz, vec2u(header.w, header.w >> 4u), is_late) >> vec2u(shift);
  let top = (header.yz >> vec2u(shift + 2u)) & vec2u(select(0u, 0x30u, is_late));
  let scale_and_min = (own & vec2u(select(63u, 15u, is_late))) | top;
  return unpack2x16float(header.x) * vec2f(1.0, -1.0) * vec2f(scale_and_min);
}
