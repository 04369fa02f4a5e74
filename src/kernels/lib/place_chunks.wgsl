//! place in chunks of 8 rows by 32 columns, one after another along the rows, so that the lanes that stage a tile for
//! matrix units read whole cache lines. Rows count as a multiple of 8, columns are one of 32.

fn place(row: u32, column: u32, columns: u32) -> u32 {
  return (row / 8u * (columns / 32u) + column / 32u) * 256u + row % 8u * 32u + column % 32u;
}
