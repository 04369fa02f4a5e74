#include "text/stream_decoder.h"

#include <utility>

#include "text/utf8.h"

namespace weft::text {

std::string StreamDecoder::push(std::string_view token_bytes) {
  if (token_bytes.empty()) return {};
  if (std::exchange(strips_space_, false) && token_bytes.front() == ' ') {
    token_bytes.remove_prefix(1);
  }
  pending_.append(token_bytes);
  std::string text;
  pending_.erase(0, append_whole_characters(pending_, text));
  return text;
}

std::string StreamDecoder::finish() {
  if (std::exchange(pending_, {}).empty()) return {};
  return std::string(kReplacementCharacter);
}

}  // namespace weft::text
