//! One of the experts that a row goes through, and the weight of what it gives.

struct Choice {
  expert: u32,
  weight: f32,
}
