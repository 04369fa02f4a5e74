// The text of one answer while its tokens arrive.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/token.h"
#include "text/stop_strings.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace weft::engine {

class OutputText {
 public:
  // `tokenizer` may be null: no text then, and no stop strings.
  OutputText(const text::Tokenizer* tokenizer, std::vector<std::string> stop_strings)
      : tokenizer_(tokenizer), stops_(std::move(stop_strings)) {}

  // Whole characters that lie before any stop string. Control tokens have no text.
  [[nodiscard]] std::string push(Token token);
  // At the end: what was held back; nothing where a stop string was found.
  [[nodiscard]] std::string finish();

  [[nodiscard]] const std::optional<std::string>& stop_string() const { return stops_.found(); }

 private:
  const text::Tokenizer* tokenizer_;
  text::StreamDecoder decoder_;
  text::StopStrings stops_;
};

}  // namespace weft::engine
