// JSON from files that are not trusted.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace weft::formats {

// An error for what is no JSON, or has a key twice in one object, which readers would disagree on,
// or nests deeper than kMaxJsonDepth. `what` begins the sentence: "The header of 'x'".
inline constexpr int kMaxJsonDepth = 64;
[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view text, std::string_view what);

}  // namespace weft::formats
