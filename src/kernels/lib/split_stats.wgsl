//! What the kernels of splits leave for attention_combine. A row whose keys make a single split is not left, unless
//! ALL_ARE_LEFT: its result goes to y at once.
//! const kSplit: keys of a split

struct Stats {
  max: f32,  // of scale * q . k
  sum: f32,  // of exp(scale * q . k - max)
}

override ALL_ARE_LEFT: bool;

fn is_single_split(pos: u32) -> bool { return !ALL_ARE_LEFT && pos < kSplit; }
