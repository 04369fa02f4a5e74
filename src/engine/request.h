// What is asked of the engine, and what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/token.h"
#include "sample/chain.h"
#include "sample/params.h"

namespace weft::engine {

using RequestId = uint64_t;

enum class FinishReason : uint8_t {
  kStop,        // a token that ends the text: the vocabulary's or one of stop_tokens
  kStopString,  // `detail` is the one that was found
  kLength,      // max_tokens; or the context or the KV cache is full, then `detail` says which
  kCancel,
  kError,  // `detail` is the error
};
[[nodiscard]] std::string_view name_of(FinishReason reason);  // "stop", "stop_string", ...

struct TokenEvent {
  Token token;
  std::string text;  // characters that are whole by now and begin no stop string: often none
  std::optional<sample::Logprobs> logprobs;
};

struct Usage {
  uint32_t prompt_tokens = 0;
  uint32_t cached_tokens = 0;     // of the prompt: computed for an earlier request
  uint32_t generated_tokens = 0;  // as many as there were TokenEvents
};

struct Timings {
  double queued_s = 0;   // until it was admitted
  double prefill_s = 0;  // from then to the first token
  double decode_s = 0;   // from then to the end
};

struct FinishEvent {
  FinishReason reason;
  std::string detail;
  std::string text;  // what was held back until now
  uint64_t seed;     // that was used
  Usage usage;
  Timings timings;
};

struct Request {
  std::vector<Token> prompt;
  sample::Params sampling;
  std::optional<uint32_t> max_tokens;     // unset: until the context is full
  std::vector<std::string> stop_strings;  // the text ends before the first of them
  std::vector<Token> stop_tokens;         // end the text as the vocabulary's own do
  bool ignore_eos = false;                // tokens that end the text are tokens like others
  std::optional<uint32_t> logprobs;       // 0: of the chosen token; n: of the n most likely too

  // Called on the engine's thread, which waits meanwhile: they must not block. Either may be empty.
  // on_finish comes last and exactly once for each request that was submitted.
  std::function<void(const TokenEvent&)> on_token;
  std::function<void(const FinishEvent&)> on_finish;
};

// What bounds a request, whatever it asks.
struct Limits {
  uint32_t vocab;
  uint32_t context;    // tokens of one sequence, prompt included
  uint32_t kv_tokens;  // that the whole KV cache holds
  bool has_text;       // a tokenizer is there, to look for stop strings
};

// An error that says which bound is broken.
[[nodiscard]] Result<void> check_request(const Request& request, const Limits& limits);

}  // namespace weft::engine
