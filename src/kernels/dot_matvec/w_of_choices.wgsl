//! A row of y is the sum over the choices of a row: that row of x has what each choice gave side by side, and the
//! matrices of the experts chosen stand side by side too. W has those of all experts, one below the other; UNITS are
//! those of all choices.
//! import: expert_choice
//! import: unit_place

override USED: u32;  // choices of a row
override UNITS_EACH: u32 = UNITS / USED;

@group(0) @binding(10) var<storage, read> choices: array<Choice>;  // [rows, USED]

fn rows_of_y() -> u32 { return p.rows; }

fn row_of_x(row: u32) -> u32 { return row; }

fn place_in_w(row: u32, n: u32, unit: u32) -> u32 {
  let expert = choices[row * USED + unit / UNITS_EACH].expert;
  return expert * (N * UNITS_EACH) + unit_place(n, unit % UNITS_EACH, UNITS_EACH);
}
