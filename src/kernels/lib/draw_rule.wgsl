//! How an output's token is drawn. kernels/draw/draw.h has the same for the host.

const kFromNothing = 0u;  // the output is left alone
const kFromMostLikely = 1u;
const kFromAll = 2u;

struct DrawRule {
  drawn_from: u32,
  n_biases: u32,  // (token, f32) pairs from edits[first_edit] on
  n_seen: u32,    // (token, times) pairs behind them
  n_ahead: u32,   // tokens behind those, which drawn_tokens has
  first_edit: u32,
  top_k: u32,        // 0: all
  temperature: f32,  // 0: the most likely
  typical_p: f32,
  top_p: f32,
  min_p: f32,
  uniform: f32,  // the random number, [0, 1)
  repeat_penalty: f32,
  frequency_penalty: f32,
  presence_penalty: f32,
}

const kDrawnTokens = 8u;  // that are kept of a slot, each at its position modulo this
