#pragma once

#include <string_view>

namespace weft::cli {

[[nodiscard]] std::string_view version();  // "0.1.0"
// The commit the program was built from, "-dirty" after it where files were changed; "unknown"
// where it was built outside a Git checkout.
[[nodiscard]] std::string_view commit();

}  // namespace weft::cli
