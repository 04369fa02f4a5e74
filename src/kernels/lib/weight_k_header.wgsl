//! The header of 256 elements of Q4_K and Q5_K, as it lies in the file: f16 d and dmin, then twelve bytes with a
//! scale and a min of six bits for each of eight units. Units 0 to 3 own the low six bits of bytes 0 to 3 (scale)
//! and 4 to 7 (min); units 4 to 7 have their low four bits in bytes 8 to 11 (scale low, min high) and their high
//! two in the top of bytes 0 to 3 and 4 to 7.
//! import: unit_place

// d * scale and -dmin * min of unit 0 .. 7
fn scale_and_offset(header: vec4u, unit: u32) -> vec2f {
  let bytes = (header.yzw >> vec3u(8u * (unit % 4u))) & vec3u(255u);
  var scale = bytes.x & 63u;
  var least = bytes.y & 63u;
  if (unit >= 4u) {
    scale = (bytes.z & 15u) | ((bytes.x >> 6u) << 4u);
    least = (bytes.z >> 4u) | ((bytes.y >> 6u) << 4u);
  }
  return unpack2x16float(header.x) * vec2f(f32(scale), -f32(least));
}
