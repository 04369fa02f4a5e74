// A file mapped into memory, read only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/error.h"

namespace weft::formats {

enum class Access { kNormal, kSequential, kRandom, kWillNeed, kDontNeed };

class MappedFile {
 public:
  // An error for what is missing, unreadable, empty, or no regular file.
  [[nodiscard]] static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Begins at a page boundary. A file that another process shortens meanwhile faults on access.
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

  // Tells the kernel how `range`, a part of a mapped file's bytes(), will be read: a hint, so
  // nothing can fail. kDontNeed drops its pages from this process; reading them again reads the
  // file.
  static void advise(std::span<const std::byte> range, Access access);

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  void unmap() noexcept;

  std::span<const std::byte> bytes_;
};

}  // namespace weft::formats
