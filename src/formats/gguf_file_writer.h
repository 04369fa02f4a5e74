// Writes GGUF files, version 3, little endian: first everything that stands before the data, then
// the tensors' data in order, so that no more than a part of it is ever in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "formats/gguf.h"

namespace weft::formats {

// The keys of a file in the making, in the order in which they were set first; setting a key again
// replaces its value.
class GgufMetadata {
 public:
  void set(std::string_view key, uint32_t value);
  void set(std::string_view key, float value);
  void set(std::string_view key, std::string_view value);
  void set(std::string_view key, const char* value) { set(key, std::string_view(value)); }
  void set(std::string_view key, std::span<const std::string> values);
  void set(std::string_view key, std::span<const int32_t> values);
  void set(std::string_view key, std::span<const float> values);
  void set_flag(std::string_view key, bool value);
  // As another file has it.
  void set(const GgufEntry& entry);
  void erase(std::string_view key);

  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] size_t size() const { return entries_.size(); }
  // As it stands in the file: for each key its name, type and value.
  [[nodiscard]] std::vector<std::byte> bytes() const;

 private:
  struct Entry {
    std::string key;
    std::vector<std::byte> value;  // its type, then itself
  };
  std::vector<std::byte>& value_of(std::string_view key);

  std::vector<Entry> entries_;
};

struct GgufTensorInfo {
  std::string name;
  TensorType type;
  std::vector<uint64_t> dims;  // ggml's order: dims[0] runs fastest

  // An error where a row is no whole number of blocks, or the tensor has more than 2^64 bytes.
  [[nodiscard]] Result<uint64_t> size_bytes() const;
};

// The file has a temporary name until commit().
class GgufFileWriter {
 public:
  [[nodiscard]] static Result<GgufFileWriter> create(const std::filesystem::path& path,
                                                     const GgufMetadata& metadata,
                                                     std::span<const GgufTensorInfo> tensors);

  // The next bytes of the tensors' data, in their order; a piece ends where a tensor ends, or
  // before.
  [[nodiscard]] Result<void> write(std::span<const std::byte> piece);
  // All data was written.
  [[nodiscard]] Result<void> commit();
  [[nodiscard]] uint64_t size_bytes() const { return written_; }
  // Where the file is until then.
  [[nodiscard]] const std::string& temporary() const { return file_.temporary(); }

 private:
  GgufFileWriter(FileWriter file, std::vector<uint64_t> sizes)
      : file_(std::move(file)), sizes_(std::move(sizes)) {}
  [[nodiscard]] Result<void> append(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> pad();
  [[nodiscard]] Result<void> skip_finished();

  FileWriter file_;
  std::vector<uint64_t> sizes_;  // of the tensors
  size_t tensor_ = 0;            // that is being written
  uint64_t done_ = 0;            // bytes of it
  uint64_t written_ = 0;         // bytes of the file
};

}  // namespace weft::formats
