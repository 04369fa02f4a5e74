// The sampling chain on the host: from a model's logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/token.h"
#include "sample/candidate.h"
#include "sample/params.h"

namespace weft::sample {

// The least a chain must be given to choose exactly the token it would choose from all logits.
enum class Input : uint8_t {
  kGreedy,      // the most likely token: nothing is left to choose
  kCandidates,  // the `max_candidates` best, in the order of better()
  kLogits,      // all logits
};
[[nodiscard]] Input input_needed(const Params& params, uint32_t max_candidates);

// One sequence's chain. What it chooses depends on parameters, seed, history and logits only: it
// keeps nothing from token to token but memory to work in.
class Chain {
 public:
  // `params` has passed check_params().
  Chain(Params params, uint64_t seed) : params_(std::move(params)), seed_(seed) {}

  // `history`: the sequence so far, prompt included. `logits`: one for each token of the
  // vocabulary; biases of tokens beyond it are ignored.
  [[nodiscard]] Token choose(std::span<const float> logits, std::span<const Token> history);

  // Where input_needed() is kCandidates; `position` is history.size() of the other form.
  [[nodiscard]] Token choose(std::span<const Candidate> best_first, uint64_t position);

  [[nodiscard]] uint64_t seed() const { return seed_; }

 private:
  void apply_bias();
  void apply_penalties(std::span<const Token> history);
  [[nodiscard]] Token draw(uint64_t position);

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
