#include "testing/temporary_file.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/checked.h"

namespace weft::testing {

TemporaryFile::TemporaryFile(std::span<const std::byte> content, std::string_view suffix) {
  std::string name = (std::filesystem::temp_directory_path() / "weft-XXXXXX").string();
  name += suffix;
  const int fd = ::mkstemps(name.data(), narrow<int>(suffix.size()));
  CHECK(fd >= 0);
  path_ = name;
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    CHECK(written > 0);
    content = content.subspan(static_cast<size_t>(written));
  }
  CHECK(::close(fd) == 0);
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

}  // namespace weft::testing
