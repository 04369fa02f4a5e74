// A backend without a model: the next token is a function of all tokens before it, read back from
// its KV blocks. A wrong block table, position, slot or order of steps gives other tokens than
// expected_tokens(), which knows no blocks.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace weft::testing {

struct FakeBackendOptions {
  backend::Options options;
  uint32_t vocab = 320;
  uint32_t max_in_flight = 1;
  // Texts of likely tokens are printable characters (of the tiny vocabulary); one token in
  // `end_one_in` is `end_token` instead; 0: none.
  Token end_token = 0;
  uint32_t end_one_in = 0;
  // The next token is also a function of what the slot's rows left there one by one, as of a model
  // with recurrent layers: a step that does not go on from the row before its own is a broken
  // promise.
  bool recurrent = false;
};

class FakeBackend final : public backend::Backend {
 public:
  explicit FakeBackend(const FakeBackendOptions& options);

  [[nodiscard]] const backend::Info& info() const override { return info_; }
  [[nodiscard]] const model::ModelSpec& spec() const override { return spec_; }
  [[nodiscard]] const backend::Options& options() const override { return fake_.options; }
  void submit(std::span<const backend::SequenceStep> step) override;
  [[nodiscard]] Result<std::vector<backend::SequenceOutput>> collect() override;
  [[nodiscard]] Result<void> start_trace(backend::TraceDetail detail) override;
  // A step takes 2 s; where kernels are measured 2.5 s, 2 s of them in kernel "a".
  [[nodiscard]] backend::Trace take_trace() override;

  // The logits after `history`, and its most likely continuation of `n` tokens.
  [[nodiscard]] std::vector<float> expected_logits(std::span<const Token> history) const;
  [[nodiscard]] std::vector<Token> expected_tokens(std::vector<Token> history, uint32_t n) const;

  // collect() fails for the steps under way and those submitted from now on; nullopt: for no more.
  void fail_with(std::optional<std::string> sentence);

  [[nodiscard]] uint64_t rows_computed() const { return rows_computed_; }
  [[nodiscard]] uint64_t steps() const { return steps_; }
  [[nodiscard]] size_t most_in_flight() const { return most_in_flight_; }
  [[nodiscard]] size_t most_sequences() const { return most_sequences_; }

 private:
  void check(std::span<const backend::SequenceStep> step) const;
  [[nodiscard]] backend::SequenceOutput run(const backend::SequenceStep& step);
  // The slot's state with the row at `pos`.
  uint64_t move_on(const backend::SequenceStep& step, uint32_t pos, uint64_t one_cell);
  void choose(const backend::SequenceStep& step, Token token, backend::SequenceOutput& output);
  [[nodiscard]] Token draw(const backend::SequenceStep& step,
                           const std::vector<float>& logits) const;
  [[nodiscard]] std::vector<float> logits_of(uint64_t state) const;

  FakeBackendOptions fake_;
  backend::Info info_;
  model::ModelSpec spec_;
  std::vector<uint64_t> cells_;  // [kv_blocks, kBlockTokens]: each from a token and its position
  std::vector<std::vector<Token>> chosen_;  // by slot, for whichever sequence had it
  struct SlotState {
    uint32_t pos = 0;  // rows that it was made of
    uint64_t state = 0;
  };
  std::vector<SlotState> slot_states_, kept_states_;  // of a recurrent model
  std::deque<Result<std::vector<backend::SequenceOutput>>> in_flight_;
  std::optional<std::string> failure_;
  backend::TraceDetail traced_ = {};
  uint64_t traced_from_ = 0;  // steps
  uint64_t rows_computed_ = 0;
  uint64_t steps_ = 0;
  size_t most_in_flight_ = 0;
  size_t most_sequences_ = 0;
};

}  // namespace weft::testing
