//! Which row of its input a kernel reads for row `i` of its output: the same. Another choice is
//! source_row_of_output.

fn source_row(i: u32) -> u32 { return i; }
