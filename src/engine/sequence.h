// A request while it waits and runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "engine/output_text.h"
#include "engine/request.h"
#include "kv/block_pool.h"
#include "kv/state_cache.h"
#include "sample/chain.h"

namespace weft::engine {

using Clock = std::chrono::steady_clock;

struct Sequence {
  Sequence(RequestId id_, Request request_, const text::Tokenizer* tokenizer, uint32_t context);

  RequestId id;
  Request request;
  sample::Chain chain;
  OutputText text;
  backend::Output output;  // what its steps ask the backend for
  uint32_t limit;          // tokens it may generate

  std::vector<Token> tokens;  // the prompt and what was generated, as far as the host knows
  // Rows given to the backend. May run ahead of `tokens`: such rows take the token that the step
  // before left on the device.
  uint32_t submitted = 0;
  std::vector<kv::Block> blocks;  // of its KV cache, in order
  uint32_t slot = 0;
  // Of a recurrent model: the kept state to go on from with the next rows, and positions to keep a
  // state at, each behind whole blocks, the next one last.
  std::optional<kv::State> resume_from;
  std::vector<uint32_t> keep_at;

  Usage usage;
  Clock::time_point queued_at, admitted_at, first_token_at;

  [[nodiscard]] uint32_t n_known() const { return static_cast<uint32_t>(tokens.size()); }
  // Rows that could go into the next step: what is known and not computed, else one row ahead where
  // the backend chooses the tokens itself.
  [[nodiscard]] uint32_t rows_ready() const;
  // At most `n` of them: those before a position to keep a state at.
  [[nodiscard]] uint32_t rows_before_keeping(uint32_t n) const;
  // Whether all rows before such a position were submitted, and no other.
  [[nodiscard]] bool keeps_now() const { return !keep_at.empty() && keep_at.back() == submitted; }
  // The next step of `n` of those rows; their blocks are there. Counts them as submitted.
  [[nodiscard]] backend::SequenceStep take_rows(uint32_t n);
  // Blocks that are filled, from the first on, with keys and values of known tokens.
  [[nodiscard]] std::span<const kv::Block> whole_blocks() const;
  [[nodiscard]] bool ends_with(Token token, const text::Tokenizer* tokenizer) const;
};

}  // namespace weft::engine
