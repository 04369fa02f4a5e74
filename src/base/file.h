// Where Weft keeps what it may lose, and how it writes files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/error.h"

namespace weft {

// ${XDG_CACHE_HOME:-~/.cache}/weft; an error where neither variable is set. Not created.
[[nodiscard]] Result<std::filesystem::path> cache_dir();

// Writes to a temporary name beside `path` and renames it: a reader sees the old file or the new
// one, whole. The folder must exist.
[[nodiscard]] Result<void> write_file(const std::filesystem::path& path,
                                      std::span<const std::byte> bytes);

[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& path);

}  // namespace weft
