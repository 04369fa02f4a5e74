#include "engine/engine.h"

#include <utility>

namespace weft::engine {

Engine::Engine(backend::Backend& backend, const text::Tokenizer* tokenizer,
               const EngineOptions& options)
    : options_(options),
      scheduler_(backend, tokenizer),
      limits_(scheduler_.limits()),
      thread_([this] { run(); }) {}

Engine::~Engine() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::expected<RequestId, Refusal> Engine::submit(Request request) {
  if (Result<void> checked = check_request(request, limits_); !checked) {
    return std::unexpected(Refusal{Refusal::Kind::kInvalid, std::move(checked).error()});
  }
  const std::scoped_lock lock(mutex_);
  if (n_waiting_ + submitted_.size() >= options_.max_waiting) {
    return std::unexpected(Refusal{
        Refusal::Kind::kBusy, Error(fmt::format("{} requests are waiting already, and no more may.",
                                                n_waiting_ + submitted_.size()))});
  }
  submitted_.push_back({.id = ++last_id_, .request = std::move(request)});
  wake_.notify_one();
  return last_id_;
}

void Engine::cancel(RequestId id) {
  const std::scoped_lock lock(mutex_);
  cancelled_.push_back(id);
  wake_.notify_one();
}

void Engine::run() {
  while (take_commands()) scheduler_.step();
  scheduler_.cancel_all();
}

// Waits until there is something to do; false when that is to stop.
bool Engine::take_commands() {
  std::vector<Submitted> submitted;
  std::vector<RequestId> cancelled;
  bool stopping = false;
  {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] {
      return stopping_ || !submitted_.empty() || !cancelled_.empty() || scheduler_.has_work();
    });
    submitted = std::exchange(submitted_, {});
    cancelled = std::exchange(cancelled_, {});
    n_waiting_ = scheduler_.n_waiting() + submitted.size();
    stopping = stopping_;
  }
  for (Submitted& one : submitted) scheduler_.add(one.id, std::move(one.request));
  for (const RequestId id : cancelled) scheduler_.cancel(id);
  return !stopping;
}

}  // namespace weft::engine
