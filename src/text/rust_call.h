// Calls into rust/include/weft_text.h: results and errors become values, and their memory is freed.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <weft_text.h>

#include "base/error.h"

namespace weft::text {

[[nodiscard]] inline weft_bytes borrow(std::string_view text) { return {text.data(), text.size()}; }

[[nodiscard]] inline std::string take(weft_text text) {
  std::string copy(text.data, text.size);
  weft_text_free(text);
  return copy;
}

// rust_call(function, arguments...): what `function(arguments..., &error)` returns, unless that is
// null or false: then the error.
template <class Function, class... Arguments>
[[nodiscard]] auto rust_call(Function function, Arguments... arguments)
    -> Result<decltype(function(arguments..., std::declval<weft_text*>()))> {
  weft_text error{};
  const auto result = function(arguments..., &error);
  if (!result) return std::unexpected(Error(take(error)));
  return result;
}

}  // namespace weft::text
