//! A row of y is one of the choices of a row of x, and made with the matrix of the expert chosen. W has the matrices of
//! all experts, one below the other; N and UNITS are those of one.
//! import: expert_choice
//! import: unit_place

override USED: u32;  // choices of a row of x

@group(0) @binding(10) var<storage, read> choices: array<Choice>;  // [rows, USED]

fn rows_of_y() -> u32 { return p.rows * USED; }

fn row_of_x(row: u32) -> u32 { return row / USED; }

fn place_in_w(row: u32, n: u32, unit: u32) -> u32 {
  return choices[row].expert * (N * UNITS) + unit_place(n, unit, UNITS);
}
