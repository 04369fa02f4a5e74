//! Where the scales of the unit at `place` lie: [row groups, units / 8, 5, kRowGroup] words, of which four hold a byte
//! for each half of a unit and the last is d, as the format has it.
//! import: unit_place

struct ScalePlaces {
  d: u32,
  word: u32,
  shift: u32,  // bits of the word before those of the unit
}
fn half_scales(place: u32) -> ScalePlaces {
  let unit = place / kRowGroup % 8u;
  let first = 5u * of_eight_units(place) - 4u * (place % kRowGroup);
  return ScalePlaces(first + 4u * kRowGroup, first + unit / 2u * kRowGroup, 16u * (unit % 2u));
}
