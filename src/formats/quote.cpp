#include "formats/quote.h"

#include <fmt/format.h>

namespace weft::formats {

std::string quote(std::string_view text) {
  constexpr size_t kMaxBytes = 100;
  std::string out = "'";
  for (const char c : text.substr(0, kMaxBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  out += text.size() > kMaxBytes ? "...'" : "'";
  return out;
}

}  // namespace weft::formats
