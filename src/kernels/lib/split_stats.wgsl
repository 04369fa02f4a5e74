//! What the kernels of splits leave for attention_combine. A row whose keys make a single split is not left: its
//! result goes to y at once.
//! const kSplit: keys of a split

struct Stats {
  max: f32,  // of scale * q . k
  sum: f32,  // of exp(scale * q . k - max)
}

fn is_single_split(pos: u32) -> bool { return pos < kSplit; }
