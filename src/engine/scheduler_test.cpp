// Against FakeBackend::expected_tokens(): what each request would generate alone.
#include "engine/scheduler.h"

#include <algorithm>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/fake_backend.h"

namespace weft::engine {
namespace {

using testing::FakeBackend;
using testing::FakeBackendOptions;

FakeBackendOptions small(uint32_t max_sequences = 4, uint32_t kv_blocks = 32,
                         uint32_t max_in_flight = 1) {
  return {.options = {.max_sequences = max_sequences,
                      .max_rows = 48,
                      .max_context = 256,
                      .kv_blocks = kv_blocks},
          .max_in_flight = max_in_flight};
}

sample::Params greedy() { return {.temperature = 0}; }

std::vector<Token> prompt_of(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Token> prompt(n);
  for (Token& token : prompt) token = random() % 256;
  return prompt;
}

struct Answer {
  std::vector<Token> tokens;
  std::vector<sample::Logprobs> logprobs;
  std::optional<FinishEvent> finish;
};

// A scheduler, and what its requests were answered.
class Bench {
 public:
  explicit Bench(const FakeBackendOptions& options)
      : backend(options), scheduler(backend, /*tokenizer=*/nullptr) {}

  RequestId add(Request request) {
    const RequestId id = ++last_id_;
    EXPECT_TRUE(check_request(request, scheduler.limits()));
    request.on_token = [this, id](const TokenEvent& event) {
      Answer& answer = answers[id];
      EXPECT_FALSE(answer.finish);
      answer.tokens.push_back(event.token);
      if (event.logprobs) answer.logprobs.push_back(*event.logprobs);
    };
    request.on_finish = [this, id](const FinishEvent& event) {
      EXPECT_FALSE(answers[id].finish);
      answers[id].finish = event;
    };
    scheduler.add(id, std::move(request));
    return id;
  }

  void run() {
    for (int i = 0; i < 100000 && scheduler.has_work(); ++i) scheduler.step();
    EXPECT_FALSE(scheduler.has_work());
  }

  const Answer& run_one(Request request) {
    const RequestId id = add(std::move(request));
    run();
    return answers[id];
  }

  FakeBackend backend;
  Scheduler scheduler;
  std::map<RequestId, Answer> answers;

 private:
  RequestId last_id_ = 0;
};

TEST(Scheduler, GeneratesUpToMaxTokens) {
  Bench bench(small());
  const std::vector<Token> prompt = prompt_of(5, 1);
  const Answer& answer = bench.run_one({.prompt = prompt, .sampling = greedy(), .max_tokens = 40});
  EXPECT_EQ(answer.tokens, bench.backend.expected_tokens(prompt, 40));
  EXPECT_EQ(answer.finish->reason, FinishReason::kLength);
  EXPECT_EQ(answer.finish->detail, "");
  EXPECT_EQ(answer.finish->usage.prompt_tokens, 5U);
  EXPECT_EQ(answer.finish->usage.generated_tokens, 40U);
}

TEST(Scheduler, ComputesAPromptInChunks) {
  Bench bench(small());
  const std::vector<Token> prompt = prompt_of(200, 1);
  const Answer& answer = bench.run_one({.prompt = prompt, .sampling = greedy(), .max_tokens = 3});
  EXPECT_EQ(answer.tokens, bench.backend.expected_tokens(prompt, 3));
  EXPECT_EQ(bench.backend.steps(), 5U + 2U);  // 48 rows each; the fifth gives the first token
}

TEST(Scheduler, EndsWhereTheContextIsFull) {
  Bench bench(small());
  const std::vector<Token> prompt = prompt_of(250, 1);
  const Answer& answer = bench.run_one({.prompt = prompt, .sampling = greedy()});
  EXPECT_EQ(answer.tokens, bench.backend.expected_tokens(prompt, 6));
  EXPECT_EQ(answer.finish->reason, FinishReason::kLength);
  EXPECT_EQ(answer.finish->detail, "The context is full: it holds 256 tokens.");
}

TEST(Scheduler, EndsWhereTheKvCacheIsFullForOneAlone) {
  Bench bench(small(1, 2));
  const std::vector<Token> prompt = prompt_of(60, 1);
  const Answer& answer = bench.run_one({.prompt = prompt, .sampling = greedy()});
  EXPECT_EQ(answer.tokens, bench.backend.expected_tokens(prompt, 5));
  EXPECT_EQ(answer.finish->reason, FinishReason::kLength);
  EXPECT_EQ(answer.finish->detail, "The KV cache is full: it holds 64 tokens.");
}

TEST(Scheduler, StopTokensEndTheTextAndAreNoPartOfIt) {
  Bench bench(small());
  const std::vector<Token> prompt = prompt_of(5, 1);
  const std::vector<Token> all = bench.backend.expected_tokens(prompt, 20);
  const auto first = std::ranges::find(all, all[12]) - all.begin();
  const Request request = {
      .prompt = prompt, .sampling = greedy(), .max_tokens = 20, .stop_tokens = {all[12]}};
  const Answer& answer = bench.run_one(request);
  EXPECT_EQ(answer.tokens, std::vector<Token>(all.begin(), all.begin() + first));
  EXPECT_EQ(answer.finish->reason, FinishReason::kStop);
  Request ignoring = request;
  ignoring.ignore_eos = true;
  EXPECT_EQ(bench.run_one(ignoring).tokens, all);
}

// Many at once, of all kinds, on few slots and few blocks: each as if alone.
class Together : public ::testing::TestWithParam<std::tuple<uint32_t, uint32_t, uint32_t, bool>> {};

TEST_P(Together, EachIsAnsweredAsIfAlone) {
  const auto [max_sequences, kv_blocks, max_in_flight, is_recurrent] = GetParam();
  FakeBackendOptions options = small(max_sequences, kv_blocks, max_in_flight);
  options.recurrent = is_recurrent;
  options.options.kept_states = is_recurrent ? max_sequences : 0;
  Bench bench(options);
  std::mt19937 random(5);
  std::map<RequestId, Request> requests;
  for (uint32_t i = 0; i < 40; ++i) {
    Request request = {.prompt = prompt_of(1 + random() % 100, random() % 4),
                       .max_tokens = 1 + random() % 80};
    request.sampling.seed = i;
    // First such as run ahead, then both kinds.
    if (i < 15 || i % 3 == 0) request.sampling.temperature = 0;
    if (i >= 15 && i % 5 == 0) request.sampling.repeat_penalty = 1.5F;
    if (i >= 15 && i % 7 == 0) request.logprobs = 2;
    if (i % 4 == 0) request.stop_tokens = {'a', 'b', 'c'};
    requests[bench.add(request)] = request;
    for (int n = static_cast<int>(random() % 4); n > 0; --n) bench.scheduler.step();
  }
  bench.run();
  EXPECT_EQ(bench.backend.most_in_flight(), max_in_flight);
  if (kv_blocks >= 16 * max_sequences) {
    EXPECT_EQ(bench.backend.most_sequences(), max_sequences);
  }
  for (const auto& [id, request] : requests) {
    sample::Chain chain(request.sampling, *request.sampling.seed);
    std::vector<Token> history = request.prompt;
    FinishReason reason = FinishReason::kLength;
    while (history.size() < request.prompt.size() + *request.max_tokens) {
      const Token token = chain.choose(bench.backend.expected_logits(history), history);
      if (std::ranges::count(request.stop_tokens, token) != 0) {
        reason = FinishReason::kStop;
        break;
      }
      history.push_back(token);
    }
    const std::vector<Token> expected(
        history.begin() + static_cast<ptrdiff_t>(request.prompt.size()), history.end());
    EXPECT_EQ(bench.answers[id].tokens, expected) << id;
    ASSERT_TRUE(bench.answers[id].finish) << id;
    EXPECT_EQ(bench.answers[id].finish->reason, reason) << id;
  }
}

INSTANTIATE_TEST_SUITE_P(Scheduler, Together,
                         ::testing::Values(std::tuple{1, 16, 1, false}, std::tuple{4, 64, 1, false},
                                           std::tuple{4, 8, 1, false},  // six are one's most
                                           std::tuple{4, 64, 3, false}, std::tuple{4, 8, 3, false},
                                           std::tuple{8, 10, 2, false}, std::tuple{1, 16, 1, true},
                                           std::tuple{4, 8, 3, true}, std::tuple{8, 64, 4, true}));

TEST(Scheduler, PutsTheYoungestBackWhenBlocksRunOut) {
  for (const uint32_t max_in_flight : {1, 3}) {
    Bench bench(small(2, 4, max_in_flight));
    const std::vector<Token> first = prompt_of(30, 1);
    const std::vector<Token> second = prompt_of(30, 2);
    const RequestId a = bench.add({.prompt = first, .sampling = greedy(), .max_tokens = 60});
    const RequestId b = bench.add({.prompt = second, .sampling = greedy(), .max_tokens = 60});
    bench.run();
    EXPECT_EQ(bench.answers[a].tokens, bench.backend.expected_tokens(first, 60));
    EXPECT_EQ(bench.answers[b].tokens, bench.backend.expected_tokens(second, 60));
    EXPECT_GT(bench.backend.rows_computed(), 2U * (30 + 60 - 1));  // the younger's rows again
  }
}

// Ends of all lengths, so that some lie just before and behind a block's; then the slot and blocks
// are taken by a request that goes on from there.
TEST(Scheduler, RunsAheadAndForgetsWhatWasPastTheEnd) {
  for (uint32_t n_prompt = 1; n_prompt < 40; ++n_prompt) {
    Bench bench(small(1, 8, 4));
    std::vector<Token> prompt = prompt_of(n_prompt, n_prompt);
    const std::vector<Token> all = bench.backend.expected_tokens(prompt, 50);
    const Token last = all[30];
    const auto n = std::ranges::find(all, last) - all.begin();
    const Answer& answer = bench.run_one(
        {.prompt = prompt, .sampling = greedy(), .max_tokens = 50, .stop_tokens = {last}});
    ASSERT_EQ(answer.tokens, std::vector<Token>(all.begin(), all.begin() + n));
    ASSERT_EQ(bench.backend.most_in_flight(), 4U);
    ASSERT_GT(bench.backend.rows_computed(), n_prompt + static_cast<size_t>(n));
    prompt.insert(prompt.end(), all.begin(), all.begin() + n);
    const Answer& next = bench.run_one({.prompt = prompt, .sampling = greedy(), .max_tokens = 10});
    ASSERT_EQ(next.tokens, bench.backend.expected_tokens(prompt, 10));
  }
}

// Drawn by the backend ahead of the host, or by the host itself, with penalties that look back on
// what the host does not know yet.
TEST(Scheduler, WhatIsDrawnAheadIsWhatTheHostWouldDraw) {
  for (const int32_t repeat_last_n : {1, 2, 5, 64}) {
    Request request = {.prompt = prompt_of(7, 3),
                       .sampling = {.temperature = 1.5F,
                                    .presence_penalty = 4,
                                    .repeat_last_n = repeat_last_n,
                                    .seed = 5},
                       .max_tokens = 90};
    Bench bench(small(1, 8, 4));
    const std::vector<Token> drawn = bench.run_one(request).tokens;
    EXPECT_EQ(bench.backend.most_in_flight(), 4U);
    request.logprobs = 1;  // so the host chooses
    EXPECT_EQ(bench.run_one(request).tokens, drawn);
  }
}

TEST(Scheduler, SequencesThatTheHostSamplesShareTheirSteps) {
  Bench bench(small(2, 32, 4));
  Request request = {
      .prompt = prompt_of(5, 1), .sampling = {.top_k = 0, .typical_p = 0.5F}, .max_tokens = 100};
  bench.add(request);
  for (int i = 0; i < 11; ++i) bench.scheduler.step();
  bench.add(request);
  bench.run();
  EXPECT_LT(bench.backend.steps(), 100U + 10U);
}

TEST(Scheduler, DoesNotRunAheadOfMaxTokens) {
  Bench bench(small(2, 32, 4));
  bench.run_one({.prompt = prompt_of(5, 1), .sampling = greedy(), .max_tokens = 10});
  EXPECT_EQ(bench.backend.rows_computed(), 5U + 9U);
}

TEST(Scheduler, EqualBeginningsAreComputedOnce) {
  Bench bench(small());
  const Request a = {.prompt = prompt_of(100, 1), .sampling = greedy(), .max_tokens = 20};
  const Request b = {.prompt = prompt_of(70, 2), .sampling = greedy(), .max_tokens = 20};
  const std::vector<Token> first = bench.run_one(a).tokens;
  const std::vector<Token> other = bench.run_one(b).tokens;
  const Answer& again = bench.run_one(a);
  EXPECT_EQ(again.tokens, first);
  EXPECT_NE(again.tokens, other);
  EXPECT_EQ(again.finish->usage.cached_tokens, 96U);
  // A second turn finds the first one's answer too: 119 rows were computed.
  Request turn = a;
  turn.prompt.insert(turn.prompt.end(), first.begin(), first.end());
  turn.prompt.push_back(7);
  const Answer& second = bench.run_one(turn);
  EXPECT_EQ(second.finish->usage.cached_tokens, 96U);
  EXPECT_EQ(second.tokens, bench.backend.expected_tokens(turn.prompt, 20));
}

FakeBackendOptions recurrent(uint32_t kept_states) {
  FakeBackendOptions options = small();
  options.options.kept_states = kept_states;
  options.recurrent = true;
  return options;
}

TEST(Scheduler, EqualBeginningsAreComputedAgainWhereNoStateIsKept) {
  Bench bench(recurrent(0));
  const Request request = {.prompt = prompt_of(100, 1), .sampling = greedy(), .max_tokens = 20};
  const std::vector<Token> first = bench.run_one(request).tokens;
  EXPECT_EQ(first, bench.backend.expected_tokens(request.prompt, 20));
  const Answer& again = bench.run_one(request);
  EXPECT_EQ(again.tokens, first);
  EXPECT_EQ(again.finish->usage.cached_tokens, 0U);
}

TEST(Scheduler, GoesOnFromAKeptState) {
  Bench bench(recurrent(2));
  Request turn = {.prompt = prompt_of(100, 1), .sampling = greedy(), .max_tokens = 20};
  const std::vector<Token> first = bench.run_one(turn).tokens;
  EXPECT_EQ(first, bench.backend.expected_tokens(turn.prompt, 20));
  turn.prompt.insert(turn.prompt.end(), first.begin(), first.end());
  turn.prompt.push_back(7);
  const uint64_t before = bench.backend.rows_computed();
  const Answer& second = bench.run_one(turn);
  EXPECT_EQ(second.tokens, bench.backend.expected_tokens(turn.prompt, 20));
  EXPECT_EQ(second.finish->usage.cached_tokens, 96U);
  EXPECT_EQ(bench.backend.rows_computed() - before, 121U - 96U + 19U);
}

// The second prompt shows where it parts from the first; the third begins there.
TEST(Scheduler, KeepsAStateWherePromptsPart) {
  Bench bench(recurrent(8));
  const std::vector<Token> system = prompt_of(70, 1);
  for (const uint32_t seed : {2U, 3U, 4U}) {
    Request request = {.prompt = system, .sampling = greedy(), .max_tokens = 5};
    const std::vector<Token> own = prompt_of(60, seed);
    request.prompt.insert(request.prompt.end(), own.begin(), own.end());
    const Answer& answer = bench.run_one(request);
    EXPECT_EQ(answer.tokens, bench.backend.expected_tokens(request.prompt, 5));
    EXPECT_EQ(answer.finish->usage.cached_tokens, seed == 4 ? 64U : 0U);
  }
}

TEST(Scheduler, APromptThatIsCachedWholeStillComputesItsLastToken) {
  Bench bench(small());
  const Request request = {.prompt = prompt_of(64, 1), .sampling = greedy(), .max_tokens = 40};
  const std::vector<Token> first = bench.run_one(request).tokens;
  const Answer& again = bench.run_one(request);
  EXPECT_EQ(again.tokens, first);
  EXPECT_EQ(again.finish->usage.cached_tokens, 32U);
}

TEST(Scheduler, CancelEndsARunningAndAWaitingRequest) {
  Bench bench(small(1, 32, 3));
  const Request request = {.prompt = prompt_of(5, 1), .sampling = greedy(), .max_tokens = 200};
  const RequestId running = bench.add(request);
  const RequestId waiting = bench.add(request);
  const RequestId last = bench.add(request);
  for (int i = 0; i < 10; ++i) bench.scheduler.step();
  bench.scheduler.cancel(running);
  bench.scheduler.cancel(waiting);
  bench.scheduler.cancel(99);
  EXPECT_EQ(bench.answers[running].finish->reason, FinishReason::kCancel);
  EXPECT_EQ(bench.answers[waiting].finish->reason, FinishReason::kCancel);
  EXPECT_GT(bench.answers[running].tokens.size(), 0U);
  EXPECT_LT(bench.answers[running].tokens.size(), 11U);
  EXPECT_TRUE(bench.answers[waiting].tokens.empty());
  bench.run();
  EXPECT_EQ(bench.answers[last].tokens, bench.backend.expected_tokens(request.prompt, 200));
}

TEST(Scheduler, AFailedStepFailsWhatRunsAndNothingElse) {
  Bench bench(small(2, 32, 3));
  const Request request = {.prompt = prompt_of(40, 1), .sampling = greedy(), .max_tokens = 100};
  const RequestId a = bench.add(request);
  const RequestId b = bench.add(request);
  const RequestId waiting = bench.add(request);
  for (int i = 0; i < 10; ++i) bench.scheduler.step();
  bench.backend.fail_with("The device is lost.");
  bench.scheduler.step();
  bench.backend.fail_with(std::nullopt);
  for (const RequestId id : {a, b}) {
    ASSERT_TRUE(bench.answers[id].finish);
    EXPECT_EQ(bench.answers[id].finish->reason, FinishReason::kError);
    EXPECT_EQ(bench.answers[id].finish->detail, "The device is lost.");
  }
  bench.run();
  EXPECT_EQ(bench.answers[waiting].tokens, bench.backend.expected_tokens(request.prompt, 100));
  EXPECT_EQ(bench.answers[waiting].finish->usage.cached_tokens, 0U);  // nothing is trusted any more
}

TEST(Scheduler, ReportsLogprobsOfTheModelAndTheSeed) {
  Bench bench(small());
  const std::vector<Token> prompt = prompt_of(5, 1);
  Request request = {.prompt = prompt, .max_tokens = 2, .logprobs = 3};
  request.sampling.seed = 77;
  const Answer& answer = bench.run_one(request);
  ASSERT_EQ(answer.logprobs.size(), 2U);
  const std::vector<float> logits = bench.backend.expected_logits(prompt);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit});
  EXPECT_EQ(answer.logprobs[0].chosen.token, answer.tokens[0]);
  EXPECT_NEAR(answer.logprobs[0].chosen.logprob, logits[answer.tokens[0]] - std::log(sum), 1e-4);
  EXPECT_EQ(answer.logprobs[0].top.size(), 3U);
  EXPECT_EQ(answer.finish->seed, 77U);
}

TEST(CheckRequest, NamesBothNumbers) {
  const Limits limits = {.vocab = 100, .context = 50, .kv_tokens = 32, .has_text = false};
  const auto error = [&](const Request& request) {
    const Result<void> result = check_request(request, limits);
    return result ? std::string() : result.error().message();
  };
  EXPECT_EQ(error({.prompt = {1}}), "");
  EXPECT_EQ(error({}), "The prompt is empty: it needs at least one token.");
  EXPECT_EQ(error({.prompt = std::vector<Token>(50)}),
            "The prompt has 50 tokens, and the context holds 50, the answer included.");
  EXPECT_EQ(error({.prompt = std::vector<Token>(40)}),
            "The prompt has 40 tokens, and the KV cache holds 32, the answer included.");
  EXPECT_EQ(error({.prompt = {1, 100}}),
            "The prompt has the token 100, and the vocabulary ends at 99.");
  EXPECT_EQ(error({.prompt = {1}, .max_tokens = 0}), "max_tokens is 0, and must be at least 1.");
  EXPECT_NE(error({.prompt = {1}, .stop_strings = {"x"}}), "");
  EXPECT_NE(error({.prompt = {1}, .logprobs = 101}), "");
  EXPECT_NE(error({.prompt = {1}, .sampling = {.temperature = -1}}), "");
}

}  // namespace
}  // namespace weft::engine
