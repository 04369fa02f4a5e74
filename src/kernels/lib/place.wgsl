//! Where an element of a matrix of `columns` columns lies: row after row. Another choice is place_chunks.

fn place(row: u32, column: u32, columns: u32) -> u32 { return row * columns + column; }
