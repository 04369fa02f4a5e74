#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weft::text {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// Appends the whole characters of `bytes` to `text`, and U+FFFD for each longest stretch that
// cannot become one (Unicode 15, section 3.9, "maximal subparts"). Returns how many bytes that
// took: what is left, at most 3 bytes, is the beginning of a character.
size_t append_whole_characters(std::string_view bytes, std::string& text);

}  // namespace weft::text
