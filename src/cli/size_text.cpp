#include "cli/size_text.h"

#include <fmt/format.h>

namespace weft::cli {

std::string size_text(uint64_t bytes) {
  const auto size = static_cast<double>(bytes);
  if (bytes >= 1'000'000'000) return fmt::format("{:.2f} GB", size / 1e9);
  if (bytes >= 1'000'000) return fmt::format("{:.1f} MB", size / 1e6);
  return fmt::format("{:.1f} kB", size / 1e3);
}

}  // namespace weft::cli
