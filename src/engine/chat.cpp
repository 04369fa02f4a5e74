#include "engine/chat.h"

#include <nlohmann/json.hpp>

namespace weft::engine {
namespace {

// Bytes that are not UTF-8, which JSON cannot hold, become U+FFFD.
std::string json_of(std::span<const Message> messages) {
  using Json = nlohmann::ordered_json;
  Json array = Json::array();
  for (const Message& message : messages) {
    array.push_back({{"role", message.role}, {"content", message.content}});
  }
  return array.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const text::Tokenizer& tokenizer, std::optional<Token> token) {
  return token ? std::string(tokenizer.token_bytes(*token)) : std::string();
}

}  // namespace

Result<std::vector<Token>> encode_chat(const TextModel& text, std::span<const Message> messages) {
  if (!text.tokenizer) return std::unexpected(text.tokenizer.error());
  if (!text.chat_template) return std::unexpected(text.chat_template.error());
  const text::Tokenizer& tokenizer = *text.tokenizer;
  WEFT_ASSIGN(const text::Prompt prompt,
              text.chat_template->render(json_of(messages),
                                         {.bos_token = text_of(tokenizer, tokenizer.bos()),
                                          .eos_token = text_of(tokenizer, tokenizer.eos()),
                                          .tokenizer = &tokenizer}));
  return tokenizer.encode(prompt, text::Bounds::of_model);
}

Result<std::vector<Token>> encode_raw(const TextModel& text, std::string_view prompt) {
  if (!text.tokenizer) return std::unexpected(text.tokenizer.error());
  return text.tokenizer->encode(prompt, text::Special::parse, text::Bounds::of_model);
}

}  // namespace weft::engine
