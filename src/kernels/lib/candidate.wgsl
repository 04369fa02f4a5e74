//! A token and its logit, and which of two comes first.

struct Candidate {
  token: u32,
  logit: f32,
}

const kNoCandidate = Candidate(0xffffffffu, -3.4028234e38);  // after every other

// Larger logits first; equal logits by token.
fn comes_before(a: Candidate, b: Candidate) -> bool {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}
