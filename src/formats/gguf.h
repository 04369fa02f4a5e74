// GGUF, versions 2 and 3, little endian: metadata and tensors of a mapped file as views into it.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// A file is hostile until parsed: every count, length and offset is checked against the file before
// it is used. After parsing, every view lies within the file and tensors do not overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "formats/gguf_value.h"
#include "formats/mapped_file.h"
#include "formats/tensor_view.h"

namespace weft::formats {

struct GgufEntry {
  std::string_view key;
  GgufValue value;
};

class GgufFile {
 public:
  // Of a file that was split, `path` is its first part, beside which all others lie: their tensors
  // follow those of the first.
  [[nodiscard]] static Result<GgufFile> open(const std::filesystem::path& path);
  // From memory, which must outlive the result; `name` is what errors call it.
  [[nodiscard]] static Result<GgufFile> parse(std::span<const std::byte> bytes, std::string name);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] uint32_t version() const { return version_; }
  [[nodiscard]] uint64_t size_bytes() const;  // of all parts
  [[nodiscard]] uint64_t n_parts() const { return 1 + further_parts_.size(); }
  // Present where the file was opened by path.
  [[nodiscard]] const std::optional<MappedFile>& mapping() const { return mapping_; }

  // In the file's order.
  [[nodiscard]] std::span<const GgufEntry> metadata() const { return metadata_; }
  [[nodiscard]] std::span<const TensorView> tensors() const { return tensors_; }

  // Null where there is none.
  [[nodiscard]] const GgufValue* find(std::string_view key) const;
  [[nodiscard]] const TensorView* find_tensor(std::string_view tensor_name) const;

  // An error where the key is missing, or its value is of another kind or does not fit. Integers
  // may be stored as any integer type, floats as f32 or f64. Views point into the file.
  [[nodiscard]] Result<uint32_t> get_u32(std::string_view key) const;
  [[nodiscard]] Result<uint64_t> get_u64(std::string_view key) const;
  [[nodiscard]] Result<float> get_f32(std::string_view key) const;
  [[nodiscard]] Result<bool> get_bool(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> get_string(std::string_view key) const;
  [[nodiscard]] Result<std::vector<std::string_view>> get_strings(std::string_view key) const;
  // Copies, as files do not align them.
  [[nodiscard]] Result<std::vector<float>> get_f32s(std::string_view key) const;
  [[nodiscard]] Result<std::vector<int32_t>> get_i32s(std::string_view key) const;
  [[nodiscard]] Result<std::vector<bool>> get_bools(std::string_view key) const;

  // `fallback` where the key is missing; what is there must still be of the right kind.
  [[nodiscard]] Result<uint32_t> get_u32_or(std::string_view key, uint32_t fallback) const;
  [[nodiscard]] Result<float> get_f32_or(std::string_view key, float fallback) const;
  [[nodiscard]] Result<bool> get_bool_or(std::string_view key, bool fallback) const;
  [[nodiscard]] Result<std::string_view> get_string_or(std::string_view key,
                                                       std::string_view fallback) const;

 private:
  friend class GgufParser;
  GgufFile() = default;
  [[nodiscard]] static Result<GgufFile> open_part(const std::filesystem::path& path);
  [[nodiscard]] Result<void> add_part(GgufFile part, uint32_t number, uint32_t count);
  [[nodiscard]] Result<void> add_further_parts(const std::filesystem::path& path, uint32_t count);
  [[nodiscard]] Result<const GgufValue*> require(std::string_view key) const;

  std::optional<MappedFile> mapping_;
  std::span<const std::byte> bytes_;
  std::string name_;
  uint32_t version_ = 0;
  std::vector<GgufEntry> metadata_;
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string_view, size_t> key_index_;     // into metadata_
  std::unordered_map<std::string_view, size_t> tensor_index_;  // into tensors_
  std::vector<GgufFile> further_parts_;                        // without tensors of their own
};

}  // namespace weft::formats
