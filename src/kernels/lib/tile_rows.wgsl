//! Which rows of x, y and W a tile of rows has: those of its place, and all of W. Another choice is tile_rows_of_expert.

const kNoRow = 0xffffffffu;

// Whether there is a tile that begins at `row`.
fn has_tile(row: u32) -> bool { return true; }

// Some row of x where there is none for it.
fn row_of_x(row: u32) -> u32 { return min(row, p.rows - 1u); }

fn row_of_y(row: u32) -> u32 { return select(kNoRow, row, row < p.rows); }

// Of row n of the tile's matrix, its row of W, and its element of the biases.
fn row_in_w(row: u32, n: u32) -> u32 { return n; }
fn bias_of(row: u32, n: u32) -> u32 { return n; }
