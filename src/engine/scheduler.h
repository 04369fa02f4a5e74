// Decides, step by step, which sequences' rows the backend computes, and takes its results to the
// requests. One thread uses it.
//
// A step takes one row of each sequence that generates, then rows of prompts, oldest first, up to
// the backend's max_rows. Sequences whose tokens the backend chooses itself run ahead: as many
// steps as it allows are under way before the oldest is read; what was computed past an end is
// forgotten.
//
// Of a recurrent model keys and values are not enough to go on from a beginning: states are kept
// behind the last whole block of a prompt, and where two prompts part. The rows before such a place
// end a step.
//
// Memory: a sequence is admitted when all blocks of its prompt can be had. One that cannot get the
// next block while generating puts the youngest back to the waiting ones, to be computed again.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "engine/request.h"
#include "engine/sequence.h"
#include "kv/block_pool.h"
#include "kv/prefix_cache.h"
#include "kv/state_cache.h"

namespace weft::engine {

class Scheduler {
 public:
  // `tokenizer` may be null: no text. Both outlive the scheduler.
  Scheduler(backend::Backend& backend, const text::Tokenizer* tokenizer);

  [[nodiscard]] Limits limits() const;

  // `request` has passed check_request(); ids ascend.
  void add(RequestId id, Request request);
  // Takes effect now. An id that is unknown, or done, is ignored.
  void cancel(RequestId id);
  // Cancels all.
  void cancel_all();

  [[nodiscard]] bool has_work() const;
  [[nodiscard]] size_t n_waiting() const { return waiting_.size(); }

  // Submits a step if there is one, or reads the oldest when it must be waited for, or both.
  void step();

 private:
  using SequencePtr = std::unique_ptr<Sequence>;
  struct Part {  // of a step under way
    RequestId id;
    backend::Output output;
  };

  [[nodiscard]] bool host_chooses_next() const;
  void admit();
  [[nodiscard]] bool place(Sequence& sequence);
  void grow();
  void submit();
  void collect();
  void take(Sequence& sequence, backend::SequenceOutput result);
  void accept(Sequence& sequence, Token token, std::optional<sample::Logprobs> logprobs);
  void fail_all(const Error& error);

  void preempt_youngest();
  void resume(Sequence& sequence);
  void keep_state(Sequence& sequence, backend::SequenceStep& step);
  void release(Sequence& sequence);
  void finish(Sequence& sequence, FinishReason reason, std::string detail);
  [[nodiscard]] Sequence* find_running(RequestId id);

  backend::Backend& backend_;
  const text::Tokenizer* tokenizer_;
  kv::BlockPool pool_;
  kv::PrefixCache cache_;
  kv::StateCache states_;  // behind beginnings that are in cache_
  std::vector<uint32_t> free_slots_;
  std::deque<SequencePtr> waiting_;          // by id
  std::vector<SequencePtr> running_;         // by id
  std::deque<std::vector<Part>> under_way_;  // steps submitted and not collected
};

}  // namespace weft::engine
