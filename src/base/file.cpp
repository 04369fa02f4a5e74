#include "base/file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include <sys/stat.h>
#include <unistd.h>

namespace weft {
Result<std::filesystem::path> cache_dir() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::filesystem::path(xdg) / "weft";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".cache" / "weft";
  }
  return fail("There is no cache folder: neither XDG_CACHE_HOME nor HOME is set.");
}

Result<FileWriter> FileWriter::create(const std::filesystem::path& path) {
  std::string temporary = path.string() + ".XXXXXX";
  const int fd = ::mkstemp(temporary.data());
  if (fd < 0) return fail("Could not create '{}': {}.", temporary, std::strerror(errno));
  ::fchmod(fd, 0644);
  return FileWriter(path, std::move(temporary), fd);
}

FileWriter::~FileWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Result<void> FileWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("Could not write '{}': {}.", temporary_, std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<void> FileWriter::commit() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return fail("Could not rename '{}' to '{}': {}.", temporary_, path_.string(),
                std::strerror(errno));
  }
  ::close(std::exchange(fd_, -1));
  return {};
}

Result<void> write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  WEFT_ASSIGN(FileWriter file, FileWriter::create(path));
  WEFT_TRY(file.write(bytes));
  return file.commit();
}

Result<std::string> read_text_file(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return fail("'{}' is a folder, not a file.", path.string());
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail("Could not open '{}': {}.", path.string(), std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return fail("Could not read '{}'.", path.string());
  return text;
}

}  // namespace weft
