// Downloads one file: in pieces, several at a time, each of which is tried again when it fails;
// what was there of it when an earlier download ended is not fetched again. The file gets its name
// when its checksum is right.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/error.h"
#include "hub/digest.h"

namespace weft::hub {

struct Download {
  std::string url;
  std::string token;  // may be empty
  uint64_t size_bytes;
  Digest digest;
  std::filesystem::path to;  // beside it lie TO.part and TO.pieces meanwhile

  unsigned connections = 4;
  uint64_t piece_bytes = 16 << 20;
  int tries = 5;      // of each piece
  int wait_ms = 500;  // before the second try; doubled before each further one
};

// Called on the calling thread, several times a second.
using OnDownloaded = std::function<void(uint64_t done_bytes)>;

// A file of this size and checksum that is there already is left as it is. An error where another
// process is downloading the same file.
[[nodiscard]] Result<void> download(const Download& what, const OnDownloaded& on_progress);

}  // namespace weft::hub
