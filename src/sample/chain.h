// The sampling chain on the host: from a model's logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/token.h"
#include "sample/candidate.h"
#include "sample/draw.h"
#include "sample/params.h"

namespace weft::sample {

// Who can choose the token.
enum class Chooser : uint8_t {
  kArgmax,  // nothing is left to choose: it is the most likely one
  kDraw,    // whoever takes a Draw within DrawLimits
  kHost,    // the chain, from all logits
};

struct DrawLimits {
  uint32_t max_typical;  // candidates that typical_p ranks
  uint32_t max_edits;    // tokens whose logits biases and penalties change
};
// For a sequence of at most `context` tokens.
[[nodiscard]] Chooser chooser_for(const Params& params, const DrawLimits& limits, uint32_t context);

// The chain itself. `logits`: one for each token of the vocabulary; biases of tokens beyond it are
// ignored. `draw.n_ahead` is 0. `memory` is what it works in.
[[nodiscard]] Token choose(std::span<const float> logits, const Draw& draw,
                           std::vector<Candidate>& memory);

// One sequence's chain. What it chooses depends on parameters, seed, history and logits only: it
// keeps nothing from token to token but memory to work in.
class Chain {
 public:
  // `params` has passed check_params().
  Chain(Params params, uint64_t seed) : params_(std::move(params)), seed_(seed) {}

  // `history`: the sequence so far, prompt included.
  [[nodiscard]] Token choose(std::span<const float> logits, std::span<const Token> history);

  // The same choice for a backend that has chosen `n_ahead` more tokens. Refers to both for as long
  // as it is used.
  [[nodiscard]] Draw draw(std::span<const Token> history, uint32_t n_ahead = 0) const;

  [[nodiscard]] uint64_t seed() const { return seed_; }

 private:
  Params params_;
  uint64_t seed_;
  std::vector<Candidate> candidates_;
};

struct Logprob {
  Token token;
  float logprob;  // natural logarithm
};

struct Logprobs {
  Logprob chosen;
  std::vector<Logprob> top;  // the most likely first
};

// Of the model's own distribution: temperature and the rest of the chain leave it as it is.
[[nodiscard]] Logprobs logprobs(std::span<const float> logits, Token chosen, uint32_t n_top);

}  // namespace weft::sample
