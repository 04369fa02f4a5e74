#include "cli/generate.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace weft::cli {
namespace {

// What the engine's thread hands to this one.
struct Inbox {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<engine::TokenEvent> tokens;
  std::optional<engine::FinishEvent> finish;
};

void deliver_to(Inbox& inbox, engine::Request& request) {
  request.on_token = [&inbox](const engine::TokenEvent& event) {
    const std::scoped_lock lock(inbox.mutex);
    inbox.tokens.push_back(event);
    inbox.changed.notify_one();
  };
  request.on_finish = [&inbox](const engine::FinishEvent& event) {
    // Under the lock: as soon as it is gone, the inbox may be too.
    const std::scoped_lock lock(inbox.mutex);
    inbox.finish = event;
    inbox.changed.notify_one();
  };
}

double rate(uint32_t tokens, double seconds) { return seconds > 0 ? tokens / seconds : 0; }

}  // namespace

Result<Answer> generate(engine::Engine& engine, engine::Request request, InterruptWatch& interrupts,
                        const std::function<void(std::string_view)>& on_text) {
  Inbox inbox;
  deliver_to(inbox, request);
  const auto id = engine.submit(std::move(request));
  if (!id) return std::unexpected(id.error().error);
  Answer answer;
  const auto add_text = [&](const std::string& text) {
    answer.text += text;
    if (!text.empty()) on_text(text);
  };
  for (bool done = false; !done;) {
    std::vector<engine::TokenEvent> tokens;
    {
      std::unique_lock lock(inbox.mutex);
      // A signal handler cannot notify, so that is looked for now and then.
      inbox.changed.wait_for(lock, std::chrono::milliseconds(50),
                             [&] { return !inbox.tokens.empty() || inbox.finish; });
      tokens = std::exchange(inbox.tokens, {});
      done = inbox.finish.has_value();
    }
    if (interrupts.take()) engine.cancel(*id);
    for (engine::TokenEvent& event : tokens) {
      answer.tokens.push_back(event.token);
      if (event.logprobs) answer.logprobs.push_back(std::move(*event.logprobs));
      add_text(event.text);
    }
  }
  answer.finish = std::move(*inbox.finish);
  if (answer.finish.reason == engine::FinishReason::kError) return fail("{}", answer.finish.detail);
  add_text(answer.finish.text);
  return answer;
}

Rates rates_of(const engine::FinishEvent& finish) {
  const engine::Usage& usage = finish.usage;
  // The first token comes with the prompt.
  const uint32_t decoded = usage.generated_tokens > 0 ? usage.generated_tokens - 1 : 0;
  return {
      .prefill_tok_s = rate(usage.prompt_tokens - usage.cached_tokens, finish.timings.prefill_s),
      .decode_tok_s = rate(decoded, finish.timings.decode_s)};
}

std::string describe(const engine::FinishEvent& finish) {
  const engine::Usage& usage = finish.usage;
  const Rates rates = rates_of(finish);
  return fmt::format("{} prompt tokens ({} cached), {:.1f} tok/s; {} tokens, {:.1f} tok/s; {}{}{}",
                     usage.prompt_tokens, usage.cached_tokens, rates.prefill_tok_s,
                     usage.generated_tokens, rates.decode_tok_s, name_of(finish.reason),
                     finish.detail.empty() ? "" : ": ", finish.detail);
}

}  // namespace weft::cli
