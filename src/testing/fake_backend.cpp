#include "testing/fake_backend.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "sample/most_likely.h"

namespace weft::testing {
namespace {

using backend::kBlockTokens;
using backend::Output;

// SplitMix64's last step: every bit of the result depends on every bit of x.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

uint64_t cell(Token token, uint64_t pos) { return mix((uint64_t{token} << 32U) + pos + 1); }

uint64_t next_state(uint64_t state, uint64_t one_cell) { return mix(state * 3 + one_cell); }

}  // namespace

FakeBackend::FakeBackend(const FakeBackendOptions& options)
    : fake_(options),
      cells_(size_t{options.options.kv_blocks} * kBlockTokens),
      chosen_(options.options.max_sequences),
      slot_states_(options.options.max_sequences),
      kept_states_(options.options.kept_states) {
  info_.backend = "fake";
  info_.max_in_flight = options.max_in_flight;
  spec_.vocab = options.vocab;
  spec_.context = options.options.max_context;
  if (options.recurrent) spec_.layers.push_back({.delta_net = model::DeltaNet{}});
}

void FakeBackend::check(std::span<const backend::SequenceStep> step) const {
  CHECK(in_flight_.size() < info_.max_in_flight);
  uint32_t rows = 0;
  std::set<uint32_t> slots;
  for (const backend::SequenceStep& s : step) {
    rows += s.rows();
    CHECK(s.slot < fake_.options.max_sequences && slots.insert(s.slot).second);
    CHECK(s.pos + s.rows() <= fake_.options.max_context);
    CHECK(s.pos + s.rows() <= s.blocks.size() * kBlockTokens);
    for (const uint32_t block : s.blocks) CHECK(block < fake_.options.kv_blocks);
    for (const Token token : s.tokens) CHECK(token < fake_.vocab);
  }
  CHECK(!step.empty() && rows <= fake_.options.max_rows);
}

void FakeBackend::submit(std::span<const backend::SequenceStep> step) {
  check(step);
  std::vector<backend::SequenceOutput> outputs;
  for (const backend::SequenceStep& s : step) outputs.push_back(run(s));
  in_flight_.emplace_back(std::move(outputs));
  if (failure_) in_flight_.back() = fail("{}", *failure_);
  ++steps_;
  most_in_flight_ = std::max(most_in_flight_, in_flight_.size());
  most_sequences_ = std::max(most_sequences_, step.size());
}

Result<std::vector<backend::SequenceOutput>> FakeBackend::collect() {
  CHECK(!in_flight_.empty());
  Result<std::vector<backend::SequenceOutput>> outputs = std::move(in_flight_.front());
  in_flight_.pop_front();
  return outputs;
}

void FakeBackend::fail_with(std::optional<std::string> sentence) {
  failure_ = std::move(sentence);
  if (!failure_) return;
  for (auto& step : in_flight_) step = fail("{}", *failure_);
}

Result<void> FakeBackend::start_trace(backend::TraceDetail detail) {
  traced_ = detail;
  traced_from_ = steps_;
  return {};
}

backend::Trace FakeBackend::take_trace() {
  const bool by_kernel = traced_ == backend::TraceDetail::kKernels;
  backend::Trace trace{.names = {"step", "a"}, .host = {}, .steps = {}, .kernels = {}};
  for (uint64_t i = traced_from_; i < steps_; ++i) {
    const auto begin = 10 * static_cast<double>(i);
    trace.steps.push_back({.name = 0, .begin = begin, .end = begin + (by_kernel ? 2.5 : 2)});
    if (!by_kernel) continue;
    trace.kernels.push_back({.name = 1, .begin = begin, .end = begin + 2, .bytes = 7, .flops = 5});
  }
  return trace;
}

backend::SequenceOutput FakeBackend::run(const backend::SequenceStep& step) {
  const auto cell_at = [&](uint32_t pos) -> uint64_t& {
    return cells_[size_t{step.blocks[pos / kBlockTokens]} * kBlockTokens + pos % kBlockTokens];
  };
  for (uint32_t row = 0; row < step.rows(); ++row) {
    const Token token = step.tokens.empty() ? chosen_[step.slot].back() : step.tokens[row];
    cell_at(step.pos + row) = cell(token, step.pos + row);
  }
  rows_computed_ += step.rows();
  backend::SequenceOutput output;
  uint64_t state = 0;
  for (uint32_t pos = 0; pos < step.pos + step.rows(); ++pos) {
    state = next_state(state, cell_at(pos));
    if (pos >= step.pos && fake_.recurrent) {
      state += 3 * (move_on(step, pos, cell_at(pos)) - state);  // itself, where the two agree
    }
    if (step.output == Output::kAllLogits && pos >= step.pos) {
      const std::vector<float> logits = logits_of(state);
      output.logits.insert(output.logits.end(), logits.begin(), logits.end());
    }
  }
  if (step.output == Output::kNone) return output;
  const std::vector<float> logits = logits_of(state);
  if (step.output == Output::kLogits) output.logits = logits;
  if (step.output == Output::kGreedy) choose(step, sample::most_likely(logits), output);
  if (step.output == Output::kDrawn) choose(step, draw(step, logits), output);
  return output;
}

uint64_t FakeBackend::move_on(const backend::SequenceStep& step, uint32_t pos, uint64_t one_cell) {
  SlotState& left = slot_states_[step.slot];
  if (pos == 0) left = {};
  if (pos == step.pos && step.resume_from) left = kept_states_.at(*step.resume_from);
  CHECK(left.pos == pos);
  left = {.pos = pos + 1, .state = next_state(left.state, one_cell)};
  if (left.pos == step.pos + step.rows() && step.keep_as) kept_states_.at(*step.keep_as) = left;
  return left.state;
}

void FakeBackend::choose(const backend::SequenceStep& step, Token token,
                         backend::SequenceOutput& output) {
  output.token = token;
  chosen_[step.slot].push_back(token);
}

// By the chain itself, once it knows the tokens that were chosen ahead of the caller.
Token FakeBackend::draw(const backend::SequenceStep& step, const std::vector<float>& logits) const {
  const std::vector<Token>& chosen = chosen_[step.slot];
  CHECK(step.draw.n_ahead < info_.max_in_flight && step.draw.n_ahead <= chosen.size());
  std::vector<Token> seen(step.draw.seen.begin(), step.draw.seen.end());
  seen.insert(seen.end(), chosen.end() - step.draw.n_ahead, chosen.end());
  sample::Draw known = step.draw;
  known.seen = seen;
  known.n_ahead = 0;
  std::vector<sample::Candidate> memory;
  return sample::choose(logits, known, memory);
}

std::vector<float> FakeBackend::logits_of(uint64_t state) const {
  std::vector<float> logits(fake_.vocab);
  for (Token token = 0; token < fake_.vocab; ++token) {
    logits[token] = static_cast<float>(mix(state + token) >> 40U) * 0x1p-22F;  // [0, 4)
    if (token >= ' ' && token <= '~') logits[token] += 8;
  }
  if (fake_.end_one_in != 0 && mix(state) % fake_.end_one_in == 0) logits[fake_.end_token] = 100;
  return logits;
}

std::vector<float> FakeBackend::expected_logits(std::span<const Token> history) const {
  uint64_t state = 0;
  for (size_t pos = 0; pos < history.size(); ++pos) {
    state = next_state(state, cell(history[pos], pos));
  }
  return logits_of(state);
}

std::vector<Token> FakeBackend::expected_tokens(std::vector<Token> history, uint32_t n) const {
  for (uint32_t i = 0; i < n; ++i) history.push_back(sample::most_likely(expected_logits(history)));
  return {history.end() - n, history.end()};
}

}  // namespace weft::testing
