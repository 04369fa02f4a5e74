// Checksums of files, in lower-case hexadecimal.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/error.h"

namespace weft::hub {

// The kinds that the hub's lists of files have.
enum class DigestKind : uint8_t {
  kSha256,   // of large files
  kGitBlob,  // of small ones: SHA-1 of "blob SIZE", a zero, and the file
};

struct Digest {
  DigestKind kind;
  std::string hex;
};

[[nodiscard]] Result<std::string> digest_of(const std::filesystem::path& file, DigestKind kind,
                                            const std::function<void(uint64_t bytes)>& on_bytes);

}  // namespace weft::hub
