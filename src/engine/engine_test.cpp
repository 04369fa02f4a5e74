// The engine's thread, and text, on the fake backend; scheduler_test.cpp has the rest.
#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/model.h"
#include "engine/testing/ask.h"
#include "testing/fake_backend.h"
#include "testing/tiny_model.h"

namespace weft::engine {
namespace {

using testing::FakeBackend;
using testing::FakeBackendOptions;

FakeBackendOptions fake(uint32_t max_sequences = 4) {
  return {.options = {.max_sequences = max_sequences,
                      .max_rows = 48,
                      .max_context = 256,
                      .kv_blocks = 64},
          .max_in_flight = 2,
          .end_token = testing::kTinyImEnd};
}

class EngineText : public ::testing::Test {
 protected:
  EngineText()
      : model_({.tokenizer = true}), text_(TextModel::from_gguf(model_.file())), backend_(fake()) {}

  [[nodiscard]] const text::Tokenizer* tokenizer() const { return &text_.tokenizer.value(); }
  [[nodiscard]] std::string decode(const std::vector<Token>& tokens) const {
    return tokenizer()->decode(tokens).value();
  }

  testing::TinyModel model_;
  TextModel text_;
  FakeBackend backend_;
};

const Request kRequest = {.prompt = {1, 2, 3}, .sampling = {.temperature = 0}, .max_tokens = 60};

TEST_F(EngineText, ManyThreadsAreAnsweredAsIfAlone) {
  Engine engine(backend_, tokenizer(), {.max_waiting = 1000});
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = 0; i < 5; ++i) {
        Request request = kRequest;
        request.prompt.push_back(10 * t + i);
        const std::vector<Token> expected = backend_.expected_tokens(request.prompt, 60);
        const Answer answer = ask(engine, request).get();
        EXPECT_EQ(answer.tokens, expected);
        EXPECT_EQ(answer.text, decode(expected));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(EngineText, AStopStringEndsTheTextBeforeIt) {
  Engine engine(backend_, tokenizer(), {});
  const std::string whole = ask(engine, kRequest).get().text;
  ASSERT_EQ(whole.size(), 60U);  // a printable character a token
  for (const size_t size : {1, 2, 5}) {
    Request request = kRequest;
    request.stop_strings = {"not in it", whole.substr(40, size)};
    const Answer answer = ask(engine, request).get();
    EXPECT_EQ(answer.text, whole.substr(0, whole.find(request.stop_strings[1])));
    EXPECT_EQ(answer.finish.reason, FinishReason::kStopString);
    EXPECT_EQ(answer.finish.detail, request.stop_strings[1]);
  }
}

TEST_F(EngineText, WhatMightBecomeAStopStringIsNotLost) {
  Engine engine(backend_, tokenizer(), {});
  const std::string whole = ask(engine, kRequest).get().text;
  Request request = kRequest;
  request.stop_strings = {whole.substr(55) + "and more"};
  EXPECT_EQ(ask(engine, request).get().text, whole);
}

TEST_F(EngineText, TheVocabularysEndEndsTheTextUnlessIgnored) {
  FakeBackendOptions options = fake();
  options.end_one_in = 10;
  FakeBackend backend(options);
  Engine engine(backend, tokenizer(), {});
  const std::vector<Token> all = backend.expected_tokens(kRequest.prompt, 60);
  const auto end = std::ranges::find(all, testing::kTinyImEnd);
  ASSERT_NE(end, all.end());
  const Answer answer = ask(engine, kRequest).get();
  EXPECT_EQ(answer.tokens, std::vector<Token>(all.begin(), end));
  EXPECT_EQ(answer.finish.reason, FinishReason::kStop);
  Request request = kRequest;
  request.ignore_eos = true;
  const Answer ignoring = ask(engine, request).get();
  EXPECT_EQ(ignoring.tokens, all);
  EXPECT_EQ(ignoring.text.find("im_end"), std::string::npos);  // control tokens have no text
}

TEST_F(EngineText, RefusesWhatIsWrongAndWhatIsTooMuch) {
  FakeBackend backend(fake(1));
  Engine engine(backend, tokenizer(), {.max_waiting = 2});
  const auto invalid = engine.submit({});
  ASSERT_FALSE(invalid);
  EXPECT_EQ(invalid.error().kind, Refusal::Kind::kInvalid);

  // The engine's thread is held within the first request's first token, then within its second: one
  // request waits in the scheduler by then, and one in front of it.
  std::promise<void> reached[2];
  std::promise<void> go_on[2];
  Request first = kRequest;
  first.max_tokens = 2;
  first.on_token = [&, n = 0](const TokenEvent&) mutable {
    reached[n].set_value();
    go_on[n].get_future().wait();
    ++n;
  };
  ASSERT_TRUE(engine.submit(first));
  reached[0].get_future().wait();
  Asked second = ask(engine, kRequest);
  go_on[0].set_value();
  reached[1].get_future().wait();
  Asked third = ask(engine, kRequest);
  const auto busy = engine.submit(kRequest);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().kind, Refusal::Kind::kBusy);
  EXPECT_EQ(busy.error().error.message(), "2 requests are waiting already, and no more may.");
  go_on[1].set_value();
  EXPECT_EQ(second.get().tokens.size(), 60U);
  EXPECT_EQ(third.get().tokens.size(), 60U);
  EXPECT_EQ(ask(engine, kRequest).get().tokens.size(), 60U);
}

TEST_F(EngineText, CancelFromACallback) {
  Engine engine(backend_, tokenizer(), {});
  std::promise<FinishEvent> finished;
  std::atomic<RequestId> id = 0;
  Request request = kRequest;
  request.max_tokens = 200;
  uint32_t n_tokens = 0;
  request.on_token = [&](const TokenEvent&) {
    if (++n_tokens == 5) {
      while (id == 0) std::this_thread::yield();  // until submit() has told it
      engine.cancel(id);
    }
  };
  request.on_finish = [&](const FinishEvent& event) { finished.set_value(event); };
  id = engine.submit(request).value();
  const FinishEvent finish = finished.get_future().get();
  EXPECT_EQ(finish.reason, FinishReason::kCancel);
  EXPECT_EQ(finish.usage.generated_tokens, 5U);
}

TEST_F(EngineText, ItsEndCancelsWhatIsLeft) {
  std::vector<Asked> answers;
  {
    FakeBackend backend(fake(1));
    Engine engine(backend, tokenizer(), {});
    for (int i = 0; i < 3; ++i) answers.push_back(ask(engine, kRequest));
  }
  for (Asked& answer : answers) {
    const FinishReason reason = answer.get().finish.reason;
    EXPECT_TRUE(reason == FinishReason::kCancel || reason == FinishReason::kLength);
  }
}

}  // namespace
}  // namespace weft::engine
