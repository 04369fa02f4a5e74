#include "engine/divergence.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/evaluate.h"
#include "engine/mean.h"

namespace weft::engine {
namespace {

constexpr float kLeastLogProbability = -16;  // of the base, below which a token does not count

size_t place_of_highest(std::span<const float> values) {
  return static_cast<size_t>(std::ranges::max_element(values) - values.begin());
}

Estimate perplexity_of(const Mean& nll) {
  const double value = std::exp(nll.value());
  return {.value = value, .standard_error = value * nll.standard_error()};
}

// `values` is in order.
double percentile(std::span<const double> values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const double part = place - static_cast<double>(below);
  return (1 - part) * values[below] + part * values[std::min(below + 1, values.size() - 1)];
}

class Comparison {
 public:
  // `log_base`: log-probabilities of the base
  void add(const ScoredRow& row, std::span<const float> log_base) {
    const double nll = negative_log_likelihood(row.logits, row.token);
    const double log_sum = nll + row.logits[row.token];
    double kld = 0;
    for (size_t i = 0; i < log_base.size(); ++i) {
      if (log_base[i] <= kLeastLogProbability) continue;
      kld += std::exp(double{log_base[i]}) * (log_base[i] - (row.logits[i] - log_sum));
    }
    const double log_base_of_token = log_base[row.token];
    const double delta = std::exp(-nll) - std::exp(log_base_of_token);
    nll_.add(nll);
    base_nll_.add(-log_base_of_token);
    kld_.add(kld);
    klds_.push_back(kld);
    same_top_.add(place_of_highest(row.logits) == place_of_highest(log_base) ? 1 : 0);
    squared_delta_.add(delta * delta);
  }

  [[nodiscard]] double mean_kld() const { return kld_.value(); }

  [[nodiscard]] Divergence summary(uint32_t chunks) {
    std::ranges::sort(klds_);
    const double rms = std::sqrt(squared_delta_.value());
    return {.perplexity = perplexity_of(nll_),
            .base_perplexity = perplexity_of(base_nll_),
            .kld = {.value = kld_.value(), .standard_error = kld_.standard_error()},
            .median_kld = percentile(klds_, 0.5),
            .kld_99 = percentile(klds_, 0.99),
            .max_kld = klds_.back(),
            .same_top = {.value = same_top_.value(), .standard_error = same_top_.standard_error()},
            .rms_delta_p = {.value = rms,
                            .standard_error =
                                rms == 0 ? 0 : squared_delta_.standard_error() / (2 * rms)},
            .chunks = chunks,
            .scored = klds_.size()};
  }

 private:
  Mean nll_, base_nll_, kld_, same_top_, squared_delta_;
  std::vector<double> klds_;
};

}  // namespace

Result<Divergence> divergence(backend::Backend& backend, const LogitsBase& base,
                              std::optional<Token> bos,
                              const std::function<void(double kld, uint32_t done)>& progress) {
  const LogitsBaseShape& shape = base.shape();
  if (shape.vocab != backend.spec().vocab) {
    return fail("The base has a vocabulary of {} tokens, and the model one of {}.", shape.vocab,
                backend.spec().vocab);
  }
  Comparison comparison;
  uint64_t row = 0;
  std::vector<float> log_base(shape.vocab);
  const auto score = [&](const ScoredRow& scored) -> Result<void> {
    base.log_probabilities(row++, log_base);
    comparison.add(scored, log_base);
    return {};
  };
  WEFT_TRY(score_chunks(backend, base.tokens(), {.context = shape.context, .bos = bos}, score,
                        [&](uint32_t done) { progress(comparison.mean_kld(), done); }));
  return comparison.summary(shape.chunks);
}

}  // namespace weft::engine
