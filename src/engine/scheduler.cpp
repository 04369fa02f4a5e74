#include "engine/scheduler.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "base/checked.h"

namespace weft::engine {
namespace {

using backend::kBlockTokens;

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

Timings timings_of(const Sequence& sequence) {
  const Clock::time_point now = Clock::now();
  const auto until = [now](Clock::time_point next) {
    return next == Clock::time_point() ? now : next;
  };
  Timings out;
  out.queued_s = seconds(until(sequence.admitted_at) - sequence.queued_at);
  if (sequence.admitted_at == Clock::time_point()) return out;
  out.prefill_s = seconds(until(sequence.first_token_at) - sequence.admitted_at);
  if (sequence.first_token_at == Clock::time_point()) return out;
  out.decode_s = seconds(now - sequence.first_token_at);
  return out;
}

}  // namespace

Scheduler::Scheduler(backend::Backend& backend, const text::Tokenizer* tokenizer)
    : backend_(backend),
      tokenizer_(tokenizer),
      pool_(backend.options().kv_blocks),
      cache_(pool_, kBlockTokens),
      states_(backend.options().kept_states),
      free_slots_(backend.options().max_sequences) {
  std::iota(free_slots_.rbegin(), free_slots_.rend(), 0U);
}

Limits Scheduler::limits() const {
  return {.vocab = backend_.spec().vocab,
          .context = backend_.options().max_context,
          .kv_tokens = backend_.options().kv_blocks * kBlockTokens,
          .has_text = tokenizer_ != nullptr};
}

void Scheduler::add(RequestId id, Request request) {
  waiting_.push_back(std::make_unique<Sequence>(id, std::move(request), tokenizer_,
                                                backend_.options().max_context));
}

void Scheduler::cancel(RequestId id) {
  if (Sequence* sequence = find_running(id)) return finish(*sequence, FinishReason::kCancel, "");
  const auto waiting = std::ranges::find(waiting_, id, [](const SequencePtr& s) { return s->id; });
  if (waiting != waiting_.end()) finish(**waiting, FinishReason::kCancel, "");
}

void Scheduler::cancel_all() {
  while (!running_.empty()) finish(*running_.back(), FinishReason::kCancel, "");
  while (!waiting_.empty()) finish(*waiting_.back(), FinishReason::kCancel, "");
  while (!under_way_.empty()) collect();
}

bool Scheduler::has_work() const {
  return !waiting_.empty() || !running_.empty() || !under_way_.empty();
}

void Scheduler::step() {
  if (host_chooses_next()) return collect();
  admit();
  grow();
  const size_t before = under_way_.size();
  submit();
  const bool submitted = under_way_.size() > before;
  if (!under_way_.empty() && (!submitted || under_way_.size() >= backend_.info().max_in_flight)) {
    collect();
  }
}

// A token that the host chooses is under way. Its sequence has no row for a step before that, and
// would from then on run in other steps than the rest: one step of all costs less than two of some.
bool Scheduler::host_chooses_next() const {
  return std::ranges::any_of(running_, [](const SequencePtr& sequence) {
    return sequence->output == backend::Output::kLogits && sequence->rows_ready() == 0;
  });
}

void Scheduler::admit() {
  while (!waiting_.empty() && !free_slots_.empty() && place(*waiting_.front())) {
    SequencePtr sequence = std::move(waiting_.front());
    waiting_.pop_front();
    sequence->slot = free_slots_.back();
    free_slots_.pop_back();
    if (sequence->admitted_at == Clock::time_point()) {
      sequence->admitted_at = Clock::now();
      sequence->usage.cached_tokens = sequence->submitted;
    }
    running_.push_back(std::move(sequence));
  }
}

// Finds blocks for all known tokens, as many as there can be with their contents.
bool Scheduler::place(Sequence& sequence) {
  // The last token is always computed: its logits are what comes next.
  sequence.blocks = cache_.match(std::span(sequence.tokens).first(sequence.tokens.size() - 1));
  sequence.submitted = narrow<uint32_t>(sequence.blocks.size()) * kBlockTokens;
  if (backend_.spec().is_recurrent()) resume(sequence);
  const uint32_t n_blocks = ceil_div(sequence.n_known(), kBlockTokens);
  // One more for each that runs, or it would soon be put back again.
  bool fits = n_blocks - sequence.blocks.size() + running_.size() <= cache_.n_available();
  while (fits && sequence.blocks.size() < n_blocks) {
    const std::optional<kv::Block> block = cache_.allocate();
    if (block) sequence.blocks.push_back(*block);
    fits = block.has_value();
  }
  if (!fits) release(sequence);
  return fits;
}

// Goes back to the last cached row that a state was kept behind, and says where to keep others: at
// the end of what is cached, as others begin so too, and of what is known.
void Scheduler::resume(Sequence& sequence) {
  const uint32_t cached = sequence.submitted;
  const auto match = states_.match(std::span(sequence.tokens).first(cached));
  sequence.submitted = match ? match->n_tokens : 0;
  if (match) sequence.resume_from = match->state;
  while (sequence.blocks.size() * kBlockTokens > sequence.submitted) {
    pool_.release(sequence.blocks.back());
    sequence.blocks.pop_back();
  }
  const uint32_t last = (sequence.n_known() - 1) / kBlockTokens * kBlockTokens;
  if (last > sequence.submitted) sequence.keep_at.push_back(last);
  if (cached > sequence.submitted && cached < last) sequence.keep_at.push_back(cached);
}

// Gives each sequence the block that its next row needs.
void Scheduler::grow() {
  for (size_t i = 0; i < running_.size();) {
    Sequence& sequence = *running_[i];
    if (sequence.rows_ready() == 0 || sequence.submitted < sequence.blocks.size() * kBlockTokens) {
      ++i;
    } else if (const std::optional<kv::Block> block = cache_.allocate()) {
      sequence.blocks.push_back(*block);
    } else if (!under_way_.empty()) {  // what is under way may end a sequence
      while (!under_way_.empty()) collect();
      i = 0;
    } else if (running_.size() > 1) {
      preempt_youngest();
    } else {
      finish(sequence, FinishReason::kLength,
             fmt::format("The KV cache is full: it holds {} tokens.", limits().kv_tokens));
    }
  }
}

void Scheduler::submit() {
  std::vector<backend::SequenceStep> step;
  std::vector<Part> parts;
  uint32_t rows_left = backend_.options().max_rows;
  const auto take_rows = [&](Sequence& sequence, uint32_t n) {
    step.push_back(sequence.take_rows(n));
    sequence.resume_from.reset();  // its reference is the step's now
    parts.push_back({.id = sequence.id, .output = step.back().output});
    rows_left -= n;
  };
  std::vector<Sequence*> prompts;
  for (const SequencePtr& sequence : running_) {
    const uint32_t ready = sequence->rows_ready();
    if (ready > 1) prompts.push_back(sequence.get());
    if (ready == 1 && rows_left > 0) take_rows(*sequence, 1);
  }
  for (Sequence* sequence : prompts) {
    if (rows_left == 0) break;
    const uint32_t n = sequence->rows_before_keeping(std::min(rows_left, sequence->rows_ready()));
    take_rows(*sequence, n);
    if (sequence->keeps_now()) keep_state(*sequence, step.back());
    cache_.insert(sequence->tokens, sequence->whole_blocks());
  }
  if (step.empty()) return;
  backend_.submit(step);
  under_way_.push_back(std::move(parts));
  // Steps are computed in their order: what is kept can be used, or kept anew, from the next one
  // on.
  for (const backend::SequenceStep& sequence : step) {
    if (sequence.resume_from) states_.release(*sequence.resume_from);
    if (sequence.keep_as) states_.release(*sequence.keep_as);
  }
}

void Scheduler::collect() {
  const std::vector<Part> parts = std::move(under_way_.front());
  under_way_.pop_front();
  Result<std::vector<backend::SequenceOutput>> results = backend_.collect();
  if (!results) return fail_all(results.error());
  CHECK(results->size() == parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    Sequence* sequence = find_running(parts[i].id);
    if (sequence != nullptr && parts[i].output != backend::Output::kNone) {
      take(*sequence, std::move((*results)[i]));
    }
  }
}

void Scheduler::take(Sequence& sequence, backend::SequenceOutput result) {
  if (sequence.output != backend::Output::kLogits) return accept(sequence, result.token, {});
  const Token token = sequence.chain.choose(result.logits, sequence.tokens);
  std::optional<sample::Logprobs> logprobs;
  if (sequence.request.logprobs) {
    logprobs = sample::logprobs(result.logits, token, *sequence.request.logprobs);
  }
  accept(sequence, token, std::move(logprobs));
}

void Scheduler::accept(Sequence& sequence, Token token, std::optional<sample::Logprobs> logprobs) {
  if (sequence.usage.generated_tokens == 0) sequence.first_token_at = Clock::now();
  if (sequence.ends_with(token, tokenizer_)) return finish(sequence, FinishReason::kStop, "");
  sequence.tokens.push_back(token);
  ++sequence.usage.generated_tokens;
  std::string text = sequence.text.push(token);
  if (sequence.request.on_token) {
    sequence.request.on_token(
        {.token = token, .text = std::move(text), .logprobs = std::move(logprobs)});
  }
  if (const auto& stop = sequence.text.stop_string()) {
    finish(sequence, FinishReason::kStopString, *stop);
  } else if (sequence.usage.generated_tokens == sequence.limit) {
    const bool full = sequence.limit != sequence.request.max_tokens;
    finish(sequence, FinishReason::kLength,
           full ? fmt::format("The context is full: it holds {} tokens.", limits().context) : "");
  }
}

// What the steps under way left in the KV cache is unknown, and so is all that builds on it.
void Scheduler::fail_all(const Error& error) {
  while (!running_.empty()) finish(*running_.back(), FinishReason::kError, error.message());
  for (; !under_way_.empty(); under_way_.pop_front()) {
    // They fail as well, or give what no one asks for any more.
    static_cast<void>(backend_.collect());
  }
  cache_.clear();
  states_.clear();
}

void Scheduler::preempt_youngest() {
  CHECK(under_way_.empty());
  SequencePtr sequence = std::move(running_.back());
  running_.pop_back();
  free_slots_.push_back(sequence->slot);
  release(*sequence);
  waiting_.push_front(std::move(sequence));
}

void Scheduler::keep_state(Sequence& sequence, backend::SequenceStep& step) {
  sequence.keep_at.pop_back();
  step.keep_as = states_.allocate();
  if (!step.keep_as) return;
  states_.insert(std::span(sequence.tokens).first(sequence.submitted), *step.keep_as);
}

// Whole blocks stay in the cache for whoever begins alike, this sequence too. Rows under way may
// still write to the others; the backend does so before the rows of any later step.
void Scheduler::release(Sequence& sequence) {
  cache_.insert(sequence.tokens, sequence.whole_blocks());
  if (sequence.resume_from) states_.release(*std::exchange(sequence.resume_from, std::nullopt));
  sequence.keep_at.clear();
  for (const kv::Block block : sequence.blocks) pool_.release(block);
  sequence.blocks.clear();
  sequence.submitted = 0;
}

// The sequence is gone after this.
void Scheduler::finish(Sequence& sequence, FinishReason reason, std::string detail) {
  const auto is_it = [&sequence](const SequencePtr& other) { return other.get() == &sequence; };
  SequencePtr owned;
  if (const auto running = std::ranges::find_if(running_, is_it); running != running_.end()) {
    owned = std::move(*running);
    running_.erase(running);
    free_slots_.push_back(owned->slot);
    release(*owned);
  } else {
    const auto waiting = std::ranges::find_if(waiting_, is_it);
    owned = std::move(*waiting);
    waiting_.erase(waiting);
  }
  if (!owned->request.on_finish) return;
  owned->request.on_finish({.reason = reason,
                            .detail = std::move(detail),
                            .text = owned->text.finish(),
                            .seed = owned->chain.seed(),
                            .usage = owned->usage,
                            .timings = timings_of(*owned)});
}

Sequence* Scheduler::find_running(RequestId id) {
  const auto found = std::ranges::find(running_, id, [](const SequencePtr& s) { return s->id; });
  return found == running_.end() ? nullptr : found->get();
}

}  // namespace weft::engine
