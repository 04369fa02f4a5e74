// Where Weft keeps what it may lose, and how it writes files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"

namespace weft {

// ${XDG_CACHE_HOME:-~/.cache}/weft; an error where neither variable is set. Not created.
[[nodiscard]] Result<std::filesystem::path> cache_dir();

// A file in the making: it has a temporary name beside `path` until commit() renames it, so that a
// reader sees the old file or the new one, whole. Gone if it is not committed. The folder must
// exist.
class FileWriter {
 public:
  [[nodiscard]] static Result<FileWriter> create(const std::filesystem::path& path);

  FileWriter(FileWriter&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::move(other.temporary_)),
        fd_(std::exchange(other.fd_, -1)) {}
  FileWriter& operator=(FileWriter&&) = delete;
  ~FileWriter();

  // Behind what was written before.
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> commit();
  // Where the bytes are until then.
  [[nodiscard]] const std::string& temporary() const { return temporary_; }

 private:
  FileWriter(std::filesystem::path path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

  std::filesystem::path path_;
  std::string temporary_;
  int fd_;  // -1: committed, or moved from
};

[[nodiscard]] Result<void> write_file(const std::filesystem::path& path,
                                      std::span<const std::byte> bytes);

[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& path);

}  // namespace weft
