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
#include "engine/logits_base.h"

namespace weft::engine {

// Logits of the rows from `first` on of one sequence that begins at position 0: [n - first, vocab].
// The sequence uses the backend's slot 0 and its blocks from 0 on.
[[nodiscard]] Result<std::vector<float>> sequence_logits(backend::Backend& backend,
                                                         std::span<const Token> tokens,
                                                         size_t first);

// -log softmax(logits)[token], in nats.
[[nodiscard]] double negative_log_likelihood(std::span<const float> logits, Token token);

// A text in chunks, each a sequence of its own that begins at position 0, as llama.cpp's perplexity
// tool cuts it: the predictions of the tokens behind a chunk's middle are scored.
struct ChunkOptions {
  uint32_t context = 512;    // tokens of one chunk
  uint32_t max_chunks = 0;   // 0: as many whole chunks as the text has
  std::optional<Token> bos;  // stands in for the first token of every chunk
};

// How many there will be. An error where the text is too short for one.
[[nodiscard]] Result<uint32_t> chunks_of(std::span<const Token> tokens,
                                         const ChunkOptions& options);

// The logits that predict `token`, as the model computed them.
struct ScoredRow {
  std::span<const float> logits;
  Token token;
};

// Calls `score` for each scored row in order, and `chunk_done` behind each chunk's last; the first
// error of either ends it.
[[nodiscard]] Result<void> score_chunks(backend::Backend& backend, std::span<const Token> tokens,
                                        const ChunkOptions& options,
                                        const std::function<Result<void>(const ScoredRow&)>& score,
                                        const std::function<void(uint32_t done)>& chunk_done);

struct Perplexity {
  double value;           // exp of the mean negative log-likelihood
  double standard_error;  // of `value`
  uint32_t chunks;
  uint64_t scored;  // tokens whose likelihood counts
};

// `progress` gets the running value; `keep`, where it is given, every scored row.
[[nodiscard]] Result<Perplexity> perplexity(
    backend::Backend& backend, std::span<const Token> tokens, const ChunkOptions& options,
    const std::function<void(const Perplexity& so_far, uint32_t chunks)>& progress,
    LogitsBaseWriter* keep = nullptr);

}  // namespace weft::engine
