//! What changes from step to step. kernels/step.h has the same for the host.

const kBlockTokens = 32u;            // tokens of one KV block
const kTileRows = 64u;               // most rows of a Tile
const kTokenOfSlot = 0xffffffffu;

// One token that runs through the model.
struct Row {
  token: u32,  // kTokenOfSlot: what slot_tokens[slot] holds
  pos: u32,    // in its sequence
  seq: u32,    // row of the block table, [sequences, max_blocks]
  slot: u32,   // of the sequence in slot_tokens
  place: u32,  // in the KV cache: block * kBlockTokens + token in block
}

// Neighbouring rows of one sequence, for attention in prefill.
struct Tile {
  first_row: u32,
  n_rows: u32,  // [1, kTileRows]
  seq: u32,
}

const kNoState = 0xffffffffu;

// The rows of one sequence, for kernels that go through them in order, with numbers of states.
struct Sequence {
  first_row: u32,
  n_rows: u32,  // at least 1
  before: u32,  // the state that they go on from; kNoState: zeros
  state: u32,   // where theirs goes,
  kept: u32,    // and where besides, or kNoState
}
