//! In the place of tile_rows: a tile has the rows that chose one expert, as expert_tiles leaves them. A row of y is a
//! choice. W has p.n rows of each of EXPERTS experts, the first of which is FIRST_EXPERT.

override USED: u32;  // rows of y for each of x: choices of a row, or 1 where x has a row for each
override FIRST_EXPERT: u32;
override EXPERTS: u32;

const kNoRow = 0xffffffffu;

// The number of tiles, then [tiles, 1 + kTileRows]: the expert, and rows of y or kNoRow.
@group(0) @binding(10) var<storage, read> tiles: array<u32>;

fn tile_of(row: u32) -> u32 { return 1u + row / kTileRows * (1u + kTileRows); }

fn expert_of(row: u32) -> u32 { return tiles[tile_of(row)]; }

fn has_tile(row: u32) -> bool {
  return row / kTileRows < tiles[0] && expert_of(row) - FIRST_EXPERT < EXPERTS;
}

fn row_of_y(row: u32) -> u32 { return tiles[tile_of(row) + 1u + row % kTileRows]; }

fn row_of_x(row: u32) -> u32 {
  let choice = row_of_y(row);
  return select(choice, 0u, choice == kNoRow) / USED;
}

fn row_in_w(row: u32, n: u32) -> u32 { return (expert_of(row) - FIRST_EXPERT) * p.n + n; }
fn bias_of(row: u32, n: u32) -> u32 { return expert_of(row) * p.n + n; }
