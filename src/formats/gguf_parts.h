// Names of the files that a large GGUF file is split into: NAME-00001-of-00003.gguf, and so on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace weft::formats {

struct GgufPart {
  std::string base;  // of a path, what stands before "-00001-of-00003.gguf"
  uint32_t number;   // from 1 on
  uint32_t count;

  // The path of the part with this number.
  [[nodiscard]] std::string path(uint32_t of_number) const;
};

// Nothing for the path of a whole file.
[[nodiscard]] std::optional<GgufPart> gguf_part(const std::filesystem::path& path);

// The files that belong to a GGUF file: all parts, or just the file itself.
[[nodiscard]] std::vector<std::filesystem::path> gguf_files(const std::filesystem::path& path);

}  // namespace weft::formats
