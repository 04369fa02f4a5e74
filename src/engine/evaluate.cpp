#include "engine/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/checked.h"
#include "engine/mean.h"

namespace weft::engine {
namespace {

using backend::Output;
using backend::SequenceStep;

Perplexity summary(const Mean& nll, uint32_t chunks) {
  const double value = std::exp(nll.value());
  return {.value = value,
          .standard_error = nll.standard_error() * value,
          .chunks = chunks,
          .scored = nll.count()};
}

}  // namespace

Result<std::vector<float>> sequence_logits(backend::Backend& backend, std::span<const Token> tokens,
                                           size_t first) {
  const backend::Options& options = backend.options();
  const size_t capacity =
      std::min<size_t>(options.max_context, size_t{options.kv_blocks} * backend::kBlockTokens);
  if (tokens.empty()) return fail("There are no tokens to evaluate.");
  if (tokens.size() > capacity) {
    return fail("The sequence has {} tokens, and the context holds {}.", tokens.size(), capacity);
  }
  CHECK(first < tokens.size());

  std::vector<uint32_t> blocks(ceil_div<size_t>(tokens.size(), backend::kBlockTokens));
  std::iota(blocks.begin(), blocks.end(), 0U);
  std::vector<float> logits;
  logits.reserve((tokens.size() - first) * backend.spec().vocab);
  for (size_t pos = 0; pos < tokens.size();) {
    const bool scored = pos >= first;
    const size_t end = std::min<size_t>(scored ? tokens.size() : first, pos + options.max_rows);
    const SequenceStep step{
        .slot = 0,
        .tokens = tokens.subspan(pos, end - pos),
        .pos = narrow<uint32_t>(pos),
        .blocks = std::span(blocks).first(ceil_div<size_t>(end, backend::kBlockTokens)),
        .output = scored ? Output::kAllLogits : Output::kNone};
    backend.submit(std::span(&step, 1));
    WEFT_ASSIGN(const auto outputs, backend.collect());
    logits.insert(logits.end(), outputs.at(0).logits.begin(), outputs.at(0).logits.end());
    pos = end;
  }
  return logits;
}

double negative_log_likelihood(std::span<const float> logits, Token token) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - highest);
  return std::log(sum) + highest - logits[static_cast<size_t>(token)];
}

Result<uint32_t> chunks_of(std::span<const Token> tokens, const ChunkOptions& options) {
  if (options.context < 4) {
    return fail("A chunk needs at least 4 tokens, and {} were asked for.", options.context);
  }
  const size_t chunks = tokens.size() / options.context;
  if (chunks == 0) {
    return fail("The text has {} tokens, and one chunk needs {}.", tokens.size(), options.context);
  }
  return narrow<uint32_t>(options.max_chunks == 0 ? chunks
                                                  : std::min<size_t>(chunks, options.max_chunks));
}

Result<void> score_chunks(backend::Backend& backend, std::span<const Token> tokens,
                          const ChunkOptions& options,
                          const std::function<Result<void>(const ScoredRow&)>& score,
                          const std::function<void(uint32_t done)>& chunk_done) {
  WEFT_ASSIGN(const uint32_t chunks, chunks_of(tokens, options));
  const size_t context = options.context;
  const size_t first = context / 2;  // the first row whose prediction counts
  const size_t vocab = backend.spec().vocab;
  for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
    const std::span<const Token> whole = tokens.subspan(chunk * context, context);
    std::vector<Token> part(whole.begin(), whole.end());
    if (options.bos) part[0] = *options.bos;
    // The last token is predicted, and predicts nothing that could be scored.
    WEFT_ASSIGN(const auto logits,
                sequence_logits(backend, std::span(part).first(context - 1), first));
    for (size_t row = first; row + 1 < context; ++row) {
      WEFT_TRY(score({.logits = std::span(logits).subspan((row - first) * vocab, vocab),
                      .token = part[row + 1]}));
    }
    chunk_done(chunk + 1);
  }
  return {};
}

Result<Perplexity> perplexity(
    backend::Backend& backend, std::span<const Token> tokens, const ChunkOptions& options,
    const std::function<void(const Perplexity& so_far, uint32_t chunks)>& progress,
    LogitsBaseWriter* keep) {
  WEFT_ASSIGN(const uint32_t chunks, chunks_of(tokens, options));
  Mean nll;
  const auto score = [&](const ScoredRow& row) -> Result<void> {
    nll.add(negative_log_likelihood(row.logits, row.token));
    return keep == nullptr ? Result<void>() : keep->add(row.logits);
  };
  WEFT_TRY(score_chunks(backend, tokens, options, score,
                        [&](uint32_t done) { progress(summary(nll, done), chunks); }));
  return summary(nll, chunks);
}

}  // namespace weft::engine
