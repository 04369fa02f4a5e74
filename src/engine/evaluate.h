// Measures a model by its logits: what `weft eval` prints. Works on the backend, below the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "base/error.h"
#include "base/token.h"

namespace weft::engine {

// Logits of the rows from `first` on of one sequence that begins at position 0: [n - first, vocab].
// The sequence uses the backend's slot 0 and its blocks from 0 on.
[[nodiscard]] Result<std::vector<float>> sequence_logits(backend::Backend& backend,
                                                         std::span<const Token> tokens,
                                                         size_t first);

// -log softmax(logits)[token], in nats.
[[nodiscard]] double negative_log_likelihood(std::span<const float> logits, Token token);

struct PerplexityOptions {
  uint32_t context = 512;    // tokens of one chunk
  uint32_t max_chunks = 0;   // 0: as many whole chunks as the text has
  std::optional<Token> bos;  // stands in for the first token of every chunk
};

struct Perplexity {
  double value;           // exp of the mean negative log-likelihood
  double standard_error;  // of `value`
  uint32_t chunks;
  uint64_t scored;  // tokens whose likelihood counts
};

// As llama.cpp's perplexity tool defines it: the text in chunks of `context` tokens, each on its
// own; of each chunk the tokens behind its middle are scored. `progress` gets the running value.
[[nodiscard]] Result<Perplexity> perplexity(
    backend::Backend& backend, std::span<const Token> tokens, const PerplexityOptions& options,
    const std::function<void(const Perplexity& so_far, uint32_t chunks)>& progress);

}  // namespace weft::engine
