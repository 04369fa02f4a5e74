//! What attention_split leaves for attention_combine.

const kSplit = 128u;  // keys of a split, and invocations of the workgroup that handles it

struct Stats {
  max: f32,  // of scale * q . k
  sum: f32,  // of exp(scale * q . k - max)
}
