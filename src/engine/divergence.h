// How far a model's predictions are from those of another, as llama.cpp's perplexity tool defines
// it
// (--kl-divergence).
#pragma once

#include <functional>

#include "backend/backend.h"
#include "base/error.h"
#include "engine/logits_base.h"

namespace weft::engine {

struct Estimate {
  double value;
  double standard_error;
};

// Over all scored tokens; p is the model's probability of the token that came.
struct Divergence {
  Estimate perplexity, base_perplexity;
  Estimate kld;  // sum over the vocabulary of p_base ln(p_base / p), where p_base > e^-16
  double median_kld, kld_99, max_kld;  // kld_99: 99 % are at most this
  Estimate same_top;     // share of tokens where both hold the same token for the most likely
  Estimate rms_delta_p;  // root of the mean of (p - p_base)^2
  uint32_t chunks;
  uint64_t scored;
};

// Runs the tokens of `base` through the model. `bos` stands in for the first token of every chunk.
// `progress` gets the running mean.
[[nodiscard]] Result<Divergence> divergence(
    backend::Backend& backend, const LogitsBase& base, std::optional<Token> bos,
    const std::function<void(double kld, uint32_t done)>& progress);

}  // namespace weft::engine
