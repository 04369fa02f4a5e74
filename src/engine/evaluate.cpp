#include "engine/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/checked.h"

namespace weft::engine {
namespace {

using backend::Output;
using backend::SequenceStep;

// Mean and spread of what has been scored so far, in nats.
class Likelihood {
 public:
  void add(double nll) {
    sum_ += nll;
    squares_ += nll * nll;
    ++n_;
  }

  [[nodiscard]] Perplexity summary(uint32_t chunks) const {
    const auto n = static_cast<double>(n_);
    const double mean = sum_ / n;
    const double variance = std::max(0.0, squares_ / n - mean * mean);
    const double value = std::exp(mean);
    const double error = n_ > 1 ? std::sqrt(variance / (n - 1)) * value : 0.0;
    return {.value = value, .standard_error = error, .chunks = chunks, .scored = n_};
  }

 private:
  double sum_ = 0;
  double squares_ = 0;
  uint64_t n_ = 0;
};

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

Result<Perplexity> perplexity(
    backend::Backend& backend, std::span<const Token> tokens, const PerplexityOptions& options,
    const std::function<void(const Perplexity& so_far, uint32_t chunks)>& progress) {
  const size_t context = options.context;
  if (context < 4) return fail("A chunk needs at least 4 tokens, and {} were asked for.", context);
  size_t chunks = tokens.size() / context;
  if (chunks == 0) {
    return fail("The text has {} tokens, and one chunk needs {}.", tokens.size(), context);
  }
  if (options.max_chunks != 0) chunks = std::min<size_t>(chunks, options.max_chunks);

  const size_t first = context / 2;  // the first row whose prediction counts
  const size_t vocab = backend.spec().vocab;
  Likelihood likelihood;
  Perplexity result{};
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    std::vector<Token> part(tokens.begin() + static_cast<ptrdiff_t>(chunk * context),
                            tokens.begin() + static_cast<ptrdiff_t>((chunk + 1) * context));
    if (options.bos) part[0] = *options.bos;
    // The last token is predicted, and predicts nothing that could be scored.
    WEFT_ASSIGN(const auto logits,
                sequence_logits(backend, std::span(part).first(context - 1), first));
    for (size_t row = first; row + 1 < context; ++row) {
      likelihood.add(negative_log_likelihood(
          std::span(logits).subspan((row - first) * vocab, vocab), part[row + 1]));
    }
    result = likelihood.summary(narrow<uint32_t>(chunk + 1));
    progress(result, narrow<uint32_t>(chunks));
  }
  return result;
}

}  // namespace weft::engine
