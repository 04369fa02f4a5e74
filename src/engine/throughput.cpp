#include "engine/throughput.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "base/checked.h"

namespace weft::engine {
namespace {

using backend::Output;
using backend::SequenceStep;

// The sequences of a run: equal lengths, each with blocks of its own.
class Sequences {
 public:
  Sequences(backend::Backend& backend, uint32_t count, uint32_t context)
      : backend_(backend), blocks_each_(ceil_div(context, backend::kBlockTokens)) {
    blocks_.resize(size_t{count} * blocks_each_);
    std::iota(blocks_.begin(), blocks_.end(), 0U);
    steps_.resize(count);
  }

  // Adds `n` prompt tokens to every sequence, in steps that fill the backend's rows.
  Result<void> prefill(uint32_t n) {
    const auto count = narrow<uint32_t>(steps_.size());
    const uint32_t share = std::max(1U, backend_.options().max_rows / count);
    std::vector<Token> tokens(n);
    for (uint32_t i = 0; i < n; ++i) tokens[i] = (i * 7919U + 13U) % backend_.spec().vocab;
    for (uint32_t done = 0; done < n;) {
      const uint32_t rows = std::min(share, n - done);
      WEFT_TRY(submit(std::span(tokens).subspan(done, rows), rows));
      done += rows;
    }
    return drain();
  }

  // Generates `n` tokens in every sequence, the first from an arbitrary one where there is no
  // prompt.
  Result<void> decode(uint32_t n) {
    const Token first = 1;
    for (uint32_t i = 0; i < n; ++i) {
      const bool fed_back = pos_ > 0;
      WEFT_TRY(submit(fed_back ? std::span<const Token>() : std::span(&first, 1), 1));
    }
    return drain();
  }

 private:
  Result<void> submit(std::span<const Token> tokens, uint32_t rows) {
    if (in_flight_ == backend_.info().max_in_flight) WEFT_TRY(collect());
    const uint32_t used = ceil_div(pos_ + rows, backend::kBlockTokens);
    for (uint32_t i = 0; i < steps_.size(); ++i) {
      steps_[i] = {.slot = i,
                   .tokens = tokens,
                   .pos = pos_,
                   .blocks = std::span(blocks_).subspan(size_t{i} * blocks_each_, used),
                   .output = Output::kGreedy};
    }
    backend_.submit(steps_);
    ++in_flight_;
    pos_ += rows;
    return {};
  }

  Result<void> collect() {
    WEFT_TRY(backend_.collect());
    --in_flight_;
    return {};
  }

  Result<void> drain() {
    while (in_flight_ > 0) WEFT_TRY(collect());
    return {};
  }

  backend::Backend& backend_;
  uint32_t blocks_each_;
  std::vector<uint32_t> blocks_;
  std::vector<SequenceStep> steps_;
  uint32_t pos_ = 0;
  uint32_t in_flight_ = 0;
};

// CPU time of this thread.
double thread_seconds() {
  timespec time{};
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Result<void> check_fits(const ThroughputCase& test, const backend::Options& options) {
  if (test.batch > options.max_sequences || test.batch > options.max_rows ||
      test.context() > options.max_context) {
    return fail("{} has {} sequences of {} tokens, and the backend holds {} of {}.", test.name(),
                test.batch, test.context(), std::min(options.max_sequences, options.max_rows),
                options.max_context);
  }
  const uint64_t blocks = uint64_t{test.batch} * ceil_div(test.context(), backend::kBlockTokens);
  if (blocks > options.kv_blocks) {
    return fail("{} of {} sequences needs {} KV blocks, and the backend has {}.", test.name(),
                test.batch, blocks, options.kv_blocks);
  }
  return {};
}

}  // namespace

std::string ThroughputCase::name() const {
  return fmt::format("{}{}", phase == Phase::kPrefill ? "pp" : "tg", tokens);
}

Result<RunTime> time_once(backend::Backend& backend, const ThroughputCase& test,
                          const std::function<Result<void>()>& before) {
  WEFT_TRY(check_fits(test, backend.options()));
  Sequences sequences(backend, test.batch, test.context());
  if (test.depth > 0) WEFT_TRY(sequences.prefill(test.depth));
  if (before) WEFT_TRY(before());
  const double thread_start = thread_seconds();
  const auto start = std::chrono::steady_clock::now();
  if (test.phase == ThroughputCase::Phase::kPrefill) {
    WEFT_TRY(sequences.prefill(test.tokens));
  } else {
    WEFT_TRY(sequences.decode(test.tokens));
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  return RunTime{.wall_s = wall.count(), .thread_s = thread_seconds() - thread_start};
}

}  // namespace weft::engine
