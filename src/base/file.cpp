#include "base/file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include <sys/stat.h>
#include <unistd.h>

namespace weft {
namespace {

// Owns a descriptor so that every way out closes it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Result<void> write_all(int fd, std::span<const std::byte> bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("Could not write '{}': {}.", name, std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::filesystem::path> cache_dir() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::filesystem::path(xdg) / "weft";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".cache" / "weft";
  }
  return fail("There is no cache folder: neither XDG_CACHE_HOME nor HOME is set.");
}

Result<void> write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::string temporary = path.string() + ".XXXXXX";
  const Descriptor file{::mkstemp(temporary.data())};
  if (file.fd < 0) return fail("Could not create '{}': {}.", temporary, std::strerror(errno));
  ::fchmod(file.fd, 0644);
  Result<void> written = write_all(file.fd, bytes, temporary);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written =
        fail("Could not rename '{}' to '{}': {}.", temporary, path.string(), std::strerror(errno));
  }
  if (!written) ::unlink(temporary.c_str());
  return written;
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
