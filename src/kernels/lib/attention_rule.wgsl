//! Which keys a row sees, and what becomes of their scores. The kernel's parameters have `soft_cap` besides.
//! import: attention_window
//! import: soft_cap_of

override CAPPED: bool;

fn capped(score: f32) -> f32 {
  if (CAPPED) { return soft_cap(score, p.soft_cap); }
  return score;
}
