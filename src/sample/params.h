// How the next token is chosen from a model's logits.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/token.h"

namespace weft::sample {

struct LogitBias {
  Token token;
  float bias;  // added to the token's logit; -infinity forbids the token
};

// The chain, in this order: logit bias, penalties, top_k, typical_p, top_p, min_p, temperature, and
// a draw. Each stage works on what the one before it left, and leaves at least one token. The
// draw's random number falls on one of them in the order of tokens. Defaults and order of the
// stages are llama.cpp's.
struct Params {
  float temperature = 0.8F;        // 0: the most likely token after bias and penalties
  uint32_t top_k = 40;             // keep the k most likely; 0: all
  float typical_p = 1.0F;          // keep the most typical that together have this share; 1: all
  float top_p = 0.95F;             // keep the most likely that together have this share; 1: all
  float min_p = 0.05F;             // keep what is at least this share of the most likely; 0: all
  float repeat_penalty = 1.0F;     // positive logits of seen tokens divided, negative multiplied
  float frequency_penalty = 0.0F;  // subtracted once for each time a token was seen
  float presence_penalty = 0.0F;   // subtracted once from each token that was seen
  int32_t repeat_last_n = 64;      // tokens that penalties look back on; 0: none; -1: all
  std::vector<LogitBias> logit_bias;
  std::optional<uint64_t> seed;  // the same seed draws the same tokens; unset: a random one

  [[nodiscard]] bool has_penalties() const;
};

// An error that names the first parameter that is out of its range.
[[nodiscard]] Result<void> check_params(const Params& params);

}  // namespace weft::sample
