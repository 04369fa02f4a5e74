// What choosing a sequence's next token takes besides its logits: what a backend is given to choose
// it by itself.
#pragma once

#include <cstdint>
#include <span>

#include "base/token.h"
#include "sample/params.h"

namespace weft::sample {

struct Draw {
  const Params* params = nullptr;
  double uniform = 0;  // the random number, in [0, 1)
  std::span<const Token>
      seen;              // tokens that penalties look back on, as far as the caller knows them
  uint32_t n_ahead = 0;  // tokens behind those that the backend chose and the caller lacks
};

}  // namespace weft::sample
