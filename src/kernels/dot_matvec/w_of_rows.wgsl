//! What a row of y is made of: the row of x of the same number, and all of W. Other choices are w_of_choice and
//! w_of_choices.
//! import: unit_place

fn rows_of_y() -> u32 { return p.rows; }

fn row_of_x(row: u32) -> u32 { return row; }

// Where a unit of row n of W lies.
fn place_in_w(row: u32, n: u32, unit: u32) -> u32 { return unit_place(n, unit, UNITS); }
