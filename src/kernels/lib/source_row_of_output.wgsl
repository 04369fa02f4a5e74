//! Which row of its input a kernel reads for row `i` of its output: that of the step's output i.

@group(0) @binding(9) var<storage, read> outputs: array<u32>;  // the row of each output

fn source_row(i: u32) -> u32 { return outputs[i]; }
