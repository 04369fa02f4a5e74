// From a conversation to the tokens that ask for its next message.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/token.h"
#include "engine/model.h"

namespace weft::engine {

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;

  bool operator==(const Message&) const = default;
};

// The model's chat template, rendered with these messages and the beginning of an answer. Control
// tokens that messages spell out are text. An error where the model has no template, or the
// template refuses.
[[nodiscard]] Result<std::vector<Token>> encode_chat(const TextModel& text,
                                                     std::span<const Message> messages);

// A text as it stands, special tokens by their names.
[[nodiscard]] Result<std::vector<Token>> encode_raw(const TextModel& text, std::string_view prompt);

}  // namespace weft::engine
