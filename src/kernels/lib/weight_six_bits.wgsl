//! The numbers and lines of Q6_K: q in 0 .. 63, whose low four bits are nibbles, and a scale for each half of a unit.
//! import: weight_nibbles
//! import: unit_place

// Elements 8 eight to 8 eight + 7 in dot order. Bits 2 w + 8 b of a word of `high` belong to byte b of its dot word w,
// 0 to 3.
fn six_bit_words(nibbles: vec4u, high: vec2u, eight: u32) -> vec2u {
  let pairs = (vec2u(high[eight / 2u]) >> (4u * (eight % 2u) + vec2u(0u, 2u))) & vec2u(0x03030303u);
  return nibble_words(nibbles, eight) | (pairs << vec2u(4u));
}

// Where the scales of the unit at `place` lie: [row groups, units / 8, 5, kRowGroup] words, of which four hold a byte
// for each half of a unit and the last is d.
struct ScalePlaces {
  d: u32,
  word: u32,
  shift: u32,  // bits of the word before those of the unit
}
fn six_bit_scales(place: u32) -> ScalePlaces {
  let unit = place / kRowGroup % 8u;
  let first = 5u * of_eight_units(place) - 4u * (place % kRowGroup);
  return ScalePlaces(first + 4u * kRowGroup, first + unit / 2u * kRowGroup, 16u * (unit % 2u));
}

// `d`: bits of an f32; `two`: the halves' scales in the low two bytes.
fn six_bit_line(d: u32, two: u32, half: u32) -> vec2f {
  let scale = bitcast<f32>(d) * f32(unpack4xI8(two)[half]);
  return scale * vec2f(1.0, -32.0);
}
