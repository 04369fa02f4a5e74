//! Where units of a weight lie: those of kRowGroup neighbouring rows side by side.
//! const kRowGroup

// Of a unit of a row among all of W, rows of which have `units`.
fn unit_place(row: u32, unit: u32, units: u32) -> u32 {
  return (row / kRowGroup * units + unit) * kRowGroup + row % kRowGroup;
}

// Where the eight units that the one at `place` is among have what they share.
fn of_eight_units(place: u32) -> u32 { return place / (8u * kRowGroup) * kRowGroup + place % kRowGroup; }
