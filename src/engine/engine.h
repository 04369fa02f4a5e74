// Runs requests on a loaded model: many at a time, each answered as if it were alone.
//
//   Engine engine(model.backend(), model.tokenizer(), {});
//   auto id = engine.submit({.prompt = ids, .on_token = ..., .on_finish = ...});
#pragma once

#include <condition_variable>
#include <cstdint>
#include <expected>
#include <mutex>
#include <thread>
#include <vector>

#include "backend/backend.h"
#include "engine/request.h"
#include "engine/scheduler.h"
#include "text/tokenizer.h"

namespace weft::engine {

struct EngineOptions {
  uint32_t max_waiting = 64;  // requests that were submitted and do not run yet
};

// Why a request was not taken. It has no events then.
struct Refusal {
  enum class Kind : uint8_t { kInvalid, kBusy };
  Kind kind;
  Error error;
};

class Engine {
 public:
  // From now on only the engine's thread uses `backend`. Both outlive the engine; `tokenizer` may
  // be null: no text then.
  Engine(backend::Backend& backend, const text::Tokenizer* tokenizer, const EngineOptions& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  // Cancels what waits or runs, and returns when that is done.
  ~Engine();

  // From any thread. Does not wait: when max_waiting requests wait already, it is refused.
  [[nodiscard]] std::expected<RequestId, Refusal> submit(Request request);

  // From any thread, callbacks too. The request finishes as soon as the step that runs is done,
  // unless it was done anyway.
  void cancel(RequestId id);

  [[nodiscard]] const Limits& limits() const { return limits_; }

 private:
  struct Submitted {
    RequestId id;
    Request request;
  };

  void run();
  [[nodiscard]] bool take_commands();

  const EngineOptions options_;
  Scheduler scheduler_;  // the thread's
  const Limits limits_;

  std::mutex mutex_;
  std::condition_variable wake_;
  // Under the mutex:
  std::vector<Submitted> submitted_;
  std::vector<RequestId> cancelled_;
  size_t n_waiting_ = 0;  // in the scheduler, when its thread last looked
  RequestId last_id_ = 0;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace weft::engine
