#include "engine/request.h"

#include <algorithm>

namespace weft::engine {

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kStopString:
      return "stop_string";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancel:
      return "cancel";
    case FinishReason::kError:
      break;
  }
  return "error";
}

Result<void> check_request(const Request& request, const Limits& limits) {
  if (request.prompt.empty()) return fail("The prompt is empty: it needs at least one token.");
  // Room for at least one token of the answer.
  if (request.prompt.size() >= limits.context) {
    return fail("The prompt has {} tokens, and the context holds {}, the answer included.",
                request.prompt.size(), limits.context);
  }
  if (request.prompt.size() >= limits.kv_tokens) {
    return fail("The prompt has {} tokens, and the KV cache holds {}, the answer included.",
                request.prompt.size(), limits.kv_tokens);
  }
  if (const Token largest = std::ranges::max(request.prompt); largest >= limits.vocab) {
    return fail("The prompt has the token {}, and the vocabulary ends at {}.", largest,
                limits.vocab - 1);
  }
  if (request.max_tokens == 0U) return fail("max_tokens is 0, and must be at least 1.");
  if (request.logprobs.value_or(0) > limits.vocab) {
    return fail("Log-probabilities of {} tokens were asked for, and the vocabulary has {}.",
                *request.logprobs, limits.vocab);
  }
  if (!request.stop_strings.empty() && !limits.has_text) {
    return fail("Stop strings need a vocabulary, and this model has none.");
  }
  return check_params(request.sampling);
}

}  // namespace weft::engine
