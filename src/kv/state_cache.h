// States of recurrent layers kept after the row that they belong to, so that a beginning that comes
// again need not be computed: the host's bookkeeping. Its keys and values are the PrefixCache's.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "base/token.h"
#include "kv/block_pool.h"

namespace weft::kv {

using State = uint32_t;  // an index into the backend's kept states

class StateCache {
 public:
  explicit StateCache(uint32_t n_states) : pool_(n_states) {}

  struct Match {
    State state;        // retained for the caller
    uint32_t n_tokens;  // that it is behind
  };
  // The state behind the longest beginning of `tokens` that there is one for.
  [[nodiscard]] std::optional<Match> match(std::span<const Token> tokens);

  // A state to be filled, with one reference. Where none is free, the one that was matched or
  // inserted longest ago goes first, among those that no one else uses.
  [[nodiscard]] std::optional<State> allocate();
  void release(State state) { pool_.release(state); }

  // Keeps `state`, which is behind all of `tokens`; where there is one behind them already, that
  // one stays.
  void insert(std::span<const Token> tokens, State state);

  void clear();
  [[nodiscard]] size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    std::vector<Token> tokens;
    State state;
  };

  BlockPool pool_;
  std::list<Kept> kept_;  // used last first; few, as each is large
};

}  // namespace weft::kv
