//! Which keys a row sees, and what becomes of their scores. The kernel's parameters have `scale` and `soft_cap` besides.
//! import: attention_window
//! import: soft_cap_of

override CAPPED: bool;
override TEMPERATURE: f32;  // 0: none
override TEMPERATURE_LENGTH: u32;

// What products with the query of a row at `pos` are multiplied by.
fn scale_at(pos: u32) -> f32 {
  if (TEMPERATURE == 0.0) { return p.scale; }
  return p.scale * (1.0 + TEMPERATURE * log(1.0 + f32((pos + 1u) / TEMPERATURE_LENGTH)));
}

fn capped(score: f32) -> f32 {
  if (CAPPED) { return soft_cap(score, p.soft_cap); }
  return score;
}
