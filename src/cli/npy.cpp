#include "cli/npy.h"

#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/file.h"

namespace weft::cli {

Result<void> write_npy(const std::filesystem::path& path, std::span<const float> values,
                       uint64_t rows, uint64_t cols) {
  CHECK(values.size() == rows * cols);
  constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
  constexpr size_t kAlignment = 64;  // of the data, counted from the file's start
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, cols);
  const size_t before = kMagic.size() + sizeof(uint16_t);
  header.resize(round_up(before + header.size() + 1, kAlignment) - before - 1, ' ');
  header += '\n';

  const auto length = narrow<uint16_t>(header.size());
  std::vector<std::byte> bytes(before + header.size() + values.size_bytes());
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  std::memcpy(bytes.data() + kMagic.size(), &length, sizeof length);
  std::memcpy(bytes.data() + before, header.data(), header.size());
  std::memcpy(bytes.data() + before + header.size(), values.data(), values.size_bytes());
  return write_file(path, bytes);
}

}  // namespace weft::cli
