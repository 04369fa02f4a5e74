// Asks an engine and waits for the answer, for tests.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "engine/engine.h"

namespace weft::engine {

struct Answer {
  std::vector<Token> tokens;
  std::string text;
  FinishEvent finish;
};

struct Asked {
  RequestId id;
  std::future<Answer> answer;

  [[nodiscard]] Answer get() { return answer.get(); }
};

// The request must be one that the engine takes. Its callbacks are called first.
[[nodiscard]] inline Asked ask(Engine& engine, Request request) {
  struct State {
    Answer answer;
    std::promise<Answer> promise;
  };
  const auto state = std::make_shared<State>();
  request.on_token = [state, before = request.on_token](const TokenEvent& event) {
    if (before) before(event);
    state->answer.tokens.push_back(event.token);
    state->answer.text += event.text;
  };
  request.on_finish = [state, before = request.on_finish](const FinishEvent& event) {
    if (before) before(event);
    state->answer.text += event.text;
    state->answer.finish = event;
    state->promise.set_value(state->answer);
  };
  std::future<Answer> future = state->promise.get_future();
  const auto id = engine.submit(std::move(request));
  CHECK(id.has_value());
  return {*id, std::move(future)};
}

}  // namespace weft::engine
