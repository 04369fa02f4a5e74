// A file in the temporary folder that is gone when the object is.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace weft::testing {

class TemporaryFile {
 public:
  // `suffix` ends the name: ".gguf".
  explicit TemporaryFile(std::span<const std::byte> content, std::string_view suffix = "");
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace weft::testing
