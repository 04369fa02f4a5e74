#pragma once

#include <cstdint>
#include <string>

namespace weft::cli {
[[nodiscard]] std::string size_text(uint64_t bytes);  // "1.23 GB", "45.6 MB", "0.8 kB"
}
