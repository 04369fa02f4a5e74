// What changes from step to step: small buffers that one write fills. Mirrors of lib/step.wgsl.
#pragma once

#include <cstdint>

namespace weft::kernels {

inline constexpr uint32_t kBlockTokens = 32;  // tokens of one KV block
inline constexpr uint32_t kTileRows = 64;     // most rows of a Tile
inline constexpr uint32_t kTokenOfSlot = 0xffffffffU;

// One token that runs through the model.
struct Row {
  uint32_t token;  // kTokenOfSlot: what slot_tokens[slot] holds
  uint32_t pos;    // in its sequence
  uint32_t seq;    // row of the block table, [sequences, max_blocks]
  uint32_t slot;   // of the sequence in slot_tokens
  uint32_t place;  // in the KV cache: block * kBlockTokens + token in block
};

// Neighbouring rows of one sequence, for attention in prefill.
struct Tile {
  uint32_t first_row;
  uint32_t n_rows;  // [1, kTileRows]
  uint32_t seq;
};

inline constexpr uint32_t kNoState = 0xffffffffU;

// The rows of one sequence, for kernels that go through them in order, with numbers of states.
struct Sequence {
  uint32_t first_row;
  uint32_t n_rows;           // at least 1
  uint32_t before;           // the state that they go on from; kNoState: zeros
  uint32_t state;            // where theirs goes,
  uint32_t kept = kNoState;  // and where besides
};

// Numbers known when a step is recorded.
struct StepCounts {
  uint32_t rows = 0;
  uint32_t outputs = 0;  // rows whose logits are wanted
  uint32_t tiles = 0;
  uint32_t length = 0;  // longest sequence: largest pos + 1
  uint32_t sequences = 0;
};

}  // namespace weft::kernels
