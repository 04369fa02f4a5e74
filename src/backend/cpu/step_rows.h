// A step laid out as rows: what the layers see of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.h"

namespace weft::backend {

struct StepRow {
  Token token;
  uint32_t pos;
  uint32_t block;     // where its key and value go
  uint32_t sequence;  // in StepRows::sequences
};

struct SequenceRows {
  uint32_t first_row;
  uint32_t rows;
  // Of recurrent layers, by number, those of slots first: where the rows go on from, none at
  // position 0; where they leave theirs; and where besides.
  std::optional<uint32_t> state_before;
  uint32_t state;
  std::optional<uint32_t> kept_state;
};

// Rows of one sequence that attention takes together.
struct AttentionRows {
  std::span<const uint32_t> blocks;
  uint32_t first_row;
  uint32_t rows;
  uint32_t pos;  // of first_row
};

// Valid as long as the step it was made from.
struct StepRows {
  std::vector<StepRow> rows;  // sequence after sequence
  std::vector<SequenceRows> sequences;
  std::vector<AttentionRows> attention;
  // Rows that want logits: first one each of sequences that want a single row's, in the step's
  // order, then all rows of the others.
  std::vector<uint32_t> wanted;
  uint32_t wanted_single = 0;
  // For the profile: pairs of a query row and a key it sees, and keys that are read at least once.
  uint64_t scores = 0;
  uint64_t keys = 0;

  // `left_in_slots`: each slot's token of its last greedy step. An error for a token that the
  // vocabulary does not have.
  [[nodiscard]] static Result<StepRows> create(std::span<const SequenceStep> step,
                                               const Options& options, uint32_t vocab,
                                               std::span<const std::optional<Token>> left_in_slots);
};

}  // namespace weft::backend
