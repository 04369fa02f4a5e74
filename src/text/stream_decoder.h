// The text of tokens that arrive one at a time.
#pragma once

#include <string>
#include <string_view>

namespace weft::text {

class StreamDecoder {
 public:
  // What becomes of one space at the very beginning: with SentencePiece vocabularies the first
  // word of a new text has one that nobody wrote.
  enum class LeadingSpace { keep, strip };

  explicit StreamDecoder(LeadingSpace leading_space = LeadingSpace::keep)
      : strips_space_(leading_space == LeadingSpace::strip) {}

  // Takes the bytes of the next token; returns the characters that are whole by now. Bytes that
  // cannot be UTF-8 come out as U+FFFD.
  [[nodiscard]] std::string push(std::string_view token_bytes);

  // At the end of the text: U+FFFD if it broke off within a character.
  [[nodiscard]] std::string finish();

 private:
  std::string pending_;  // the beginning of a character
  bool strips_space_;
};

}  // namespace weft::text
