#include "text/utf8.h"

#include <cstdint>

namespace weft::text {
namespace {

// How a character goes on after its first byte: `size` bytes in all, the second within
// [lowest, highest], the others within [0x80, 0xBF]. A byte that begins none has size 0.
struct Form {
  size_t size;
  uint8_t lowest = 0x80;
  uint8_t highest = 0xBF;
};

Form form_of(uint8_t first) {
  if (first < 0x80) return {1};
  if (first >= 0xC2 && first <= 0xDF) return {2};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (first >= 0xE1 && first <= 0xEF) return {3};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first == 0xF4) return {4, 0x80, 0x8F};  // nothing above U+10FFFF
  if (first >= 0xF1 && first <= 0xF3) return {4};
  return {0};
}

// How many bytes from the beginning of `bytes` can be those of a character of this form.
size_t matching_bytes(std::string_view bytes, const Form& form) {
  size_t size = 1;
  while (size < form.size && size < bytes.size()) {
    const auto byte = static_cast<uint8_t>(bytes[size]);
    const uint8_t lowest = size == 1 ? form.lowest : 0x80;
    const uint8_t highest = size == 1 ? form.highest : 0xBF;
    if (byte < lowest || byte > highest) break;
    ++size;
  }
  return size;
}

}  // namespace

size_t append_whole_characters(std::string_view bytes, std::string& text) {
  size_t done = 0;
  while (done < bytes.size()) {
    const std::string_view rest = bytes.substr(done);
    const Form form = form_of(static_cast<uint8_t>(rest[0]));
    const size_t size = matching_bytes(rest, form);
    if (size == form.size) {
      text.append(rest.substr(0, size));
    } else if (size == rest.size() && form.size > 0) {
      break;
    } else {
      text.append(kReplacementCharacter);
    }
    done += size;
  }
  return done;
}

}  // namespace weft::text
