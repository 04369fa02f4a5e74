#include "cli/conversation_file.h"

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace weft::cli {

using Json = nlohmann::ordered_json;

Result<void> save_conversation(const std::filesystem::path& path,
                               std::span<const engine::Message> messages) {
  Json array = Json::array();
  for (const engine::Message& message : messages) {
    array.push_back({{"role", message.role}, {"content", message.content}});
  }
  const std::string text = array.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return write_file(path, std::as_bytes(std::span(text)));
}

Result<std::vector<engine::Message>> load_conversation(const std::filesystem::path& path) {
  WEFT_ASSIGN(const std::string text, read_text_file(path));
  const Json array = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto is_text = [](const Json& message, const char* key) {
    return message.contains(key) && message[key].is_string();
  };
  std::vector<engine::Message> messages;
  if (array.is_array()) {
    for (const Json& message : array) {
      if (!is_text(message, "role") || !is_text(message, "content")) break;
      messages.push_back({.role = message["role"], .content = message["content"]});
    }
  }
  if (!array.is_array() || messages.size() != array.size()) {
    return fail("'{}' is not a JSON array of objects with \"role\" and \"content\".",
                path.string());
  }
  return messages;
}

}  // namespace weft::cli
