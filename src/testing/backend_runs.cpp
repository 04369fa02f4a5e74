#include "testing/backend_runs.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/checked.h"
#include "testing/reference_model.h"

namespace weft::testing {
namespace {

using backend::Backend;
using backend::Output;
using backend::SequenceOutput;
using backend::SequenceStep;

constexpr uint32_t kBlocksEach = kTestContext / backend::kBlockTokens;

}  // namespace

backend::Options test_options() {
  return {.max_sequences = kTestSequences,
          .max_rows = 128,
          .max_context = kTestContext,
          .kv_blocks = kTestSequences * kBlocksEach};
}

std::vector<uint32_t> scattered_blocks(uint32_t slot) {
  static_assert(kBlocksEach == 8);  // 3 and 8 have no common divisor: every block once
  std::vector<uint32_t> blocks;
  for (uint32_t i = 0; i < kBlocksEach; ++i) {
    blocks.push_back((7 - (i * 3 % 8)) * kTestSequences + slot);
  }
  return blocks;
}

std::vector<Token> some_tokens(uint32_t count, uint32_t seed, uint32_t vocab) {
  std::vector<Token> tokens;
  for (uint32_t i = 0; i < count; ++i) {
    tokens.push_back((seed * 7919 + i * i * 31 + i * 17) % vocab);
  }
  return tokens;
}

std::vector<SequenceOutput> run(Backend& backend, std::span<const SequenceStep> step) {
  backend.submit(step);
  auto outputs = backend.collect();
  if (!outputs) throw std::runtime_error(outputs.error().message());  // fails the test
  return std::move(*outputs);
}

std::vector<float> all_logits(Backend& backend, std::span<const Token> tokens,
                              const std::vector<uint32_t>& chunks, uint32_t slot) {
  const auto blocks = scattered_blocks(slot);
  std::vector<float> logits;
  uint32_t pos = 0;
  for (size_t i = 0; pos < tokens.size(); ++i) {
    const auto left = static_cast<uint32_t>(tokens.size()) - pos;
    const uint32_t n = std::min(chunks[i % chunks.size()], left);
    const SequenceStep step{.slot = slot,
                            .tokens = tokens.subspan(pos, n),
                            .pos = pos,
                            .blocks = std::span(blocks).first(
                                ceil_div(pos + n, backend::kBlockTokens)),  // those in use
                            .output = Output::kAllLogits};
    const auto outputs = run(backend, {&step, 1});
    logits.insert(logits.end(), outputs[0].logits.begin(), outputs[0].logits.end());
    pos += n;
  }
  return logits;
}

double largest_error(const model::ModelSpec& spec, std::span<const Token> tokens,
                     std::span<const float> logits) {
  double worst = 0;
  for (const std::vector<double>& row : reference_logits(spec, tokens, KvStore::kHalf)) {
    const auto [least, most] = std::ranges::minmax(row);
    for (size_t i = 0; i < row.size(); ++i) {
      worst = std::max(worst, std::abs(row[i] - static_cast<double>(logits[i])) / (most - least));
    }
    logits = logits.subspan(row.size());
  }
  return worst;
}

double relative_error(const model::ModelSpec& spec, std::span<const Token> tokens,
                      std::span<const float> logits) {
  const auto reference = reference_logits(spec, tokens);
  double error = 0;
  double size = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double expected = reference[i / spec.vocab][i % spec.vocab];
    error += std::pow(logits[i] - expected, 2);
    size += std::pow(expected, 2);
  }
  return std::sqrt(error / size);
}

std::vector<Token> continue_greedily(Backend& backend, std::span<const Token> prompt,
                                     uint32_t count, FeedBack feed_back) {
  const auto blocks = scattered_blocks(1);
  SequenceStep step{
      .slot = 1, .tokens = prompt, .pos = 0, .blocks = blocks, .output = Output::kGreedy};
  std::vector<Token> tokens;
  while (tokens.size() < count) {
    tokens.push_back(run(backend, {&step, 1})[0].token);
    step.pos += step.rows();
    step.tokens =
        feed_back == FeedBack::kBackend ? std::span<const Token>() : std::span(&tokens.back(), 1);
  }
  return tokens;
}

}  // namespace weft::testing
