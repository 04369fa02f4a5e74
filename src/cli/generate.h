// One request from its submission to its end, for commands that wait for it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/interrupt.h"
#include "engine/engine.h"

namespace weft::cli {

struct Answer {
  std::string text;
  std::vector<Token> tokens;
  std::vector<sample::Logprobs> logprobs;  // where they were asked for: one a token
  engine::FinishEvent finish;
};

// `on_text` is called on this thread, with the text as it comes. Ctrl-C cancels the request; the
// answer is then what there is of it. A refused or failed request is an error.
[[nodiscard]] Result<Answer> generate(engine::Engine& engine, engine::Request request,
                                      InterruptWatch& interrupts,
                                      const std::function<void(std::string_view)>& on_text);

// "8 prompt tokens (0 cached), 210.3 tok/s; 56 tokens, 101.2 tok/s; stop": for people.
[[nodiscard]] std::string describe(const engine::FinishEvent& finish);

struct Rates {
  double prefill_tok_s;  // 0 where it took no measurable time
  double decode_tok_s;
};
[[nodiscard]] Rates rates_of(const engine::FinishEvent& finish);

}  // namespace weft::cli
