// Constrained decoding: which tokens may come next so that the text matches a grammar.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"

struct weft_grammar;

namespace weft::text {

// The state of one text being written; it starts at the beginning of the text.
class Grammar {
 public:
  enum class Kind { json_schema, regex, lark };

  // The tokens that may end the text are the tokenizer's ends of generation.
  [[nodiscard]] static Result<Grammar> compile(const Tokenizer& tokenizer, Kind kind,
                                               std::string_view source);

  // Sets bit id % 32 of mask[id / 32] for the ids that may come next and clears the others. The
  // mask has ceil(tokenizer.size() / 32) words.
  [[nodiscard]] Result<void> next_tokens(std::span<uint32_t> mask);

  // Goes on past a token; an error for one that the mask did not allow.
  [[nodiscard]] Result<void> accept(Token id);

 private:
  struct Free {
    void operator()(weft_grammar* handle) const;
  };

  explicit Grammar(weft_grammar* handle) : handle_(handle) {}

  std::unique_ptr<weft_grammar, Free> handle_;
};

}  // namespace weft::text
