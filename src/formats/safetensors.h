// safetensors: named arrays of one file, or of a folder of shards, as views into mapped files.
// Format: https://huggingface.co/docs/safetensors, "Format".
//
// A file is hostile until parsed: its header's size, every shape and every offset is checked
// against the file before it is used. After parsing, the tensors fill the data of the file without
// overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/mapped_file.h"
#include "formats/tensor_type.h"

namespace weft::formats {

struct SafeTensor {
  std::string name;
  std::string_view dtype;           // as the file names it: "BF16"; one of a known set
  std::vector<uint64_t> shape;      // the last dimension runs fastest; empty: one element
  std::span<const std::byte> data;  // exactly that many elements
  uint64_t offset;                  // of data, from the file's start
};

// The same type in GGUF's terms: "BF16" as kBF16. Nothing for what ggml does not have (F8_E4M3,
// U8).
[[nodiscard]] std::optional<TensorType> tensor_type_of(const SafeTensor& tensor);

class SafetensorsFile {
 public:
  [[nodiscard]] static Result<SafetensorsFile> open(const std::filesystem::path& path);
  // From memory, which must outlive the result; `name` is what errors call it.
  [[nodiscard]] static Result<SafetensorsFile> parse(std::span<const std::byte> bytes,
                                                     std::string name);

  [[nodiscard]] const std::string& name() const { return name_; }
  // In the order of their data.
  [[nodiscard]] std::span<const SafeTensor> tensors() const { return tensors_; }
  // Null where there is none.
  [[nodiscard]] const SafeTensor* find(std::string_view tensor_name) const;

 private:
  SafetensorsFile() = default;

  std::optional<MappedFile> mapping_;
  std::string name_;
  std::vector<SafeTensor> tensors_;
  std::unordered_map<std::string_view, size_t> index_;  // into tensors_, whose names it views
};

// The weights of a Hugging Face folder: model.safetensors, or the shards that
// model.safetensors.index.json names. No tensor is in two shards, and the index and the shards
// agree.
class SafetensorsFolder {
 public:
  [[nodiscard]] static Result<SafetensorsFolder> open(const std::filesystem::path& folder);
  // A folder of this one file.
  [[nodiscard]] static SafetensorsFolder of(SafetensorsFile file);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::span<const SafetensorsFile> files() const { return files_; }
  [[nodiscard]] const SafeTensor* find(std::string_view tensor_name) const;

 private:
  SafetensorsFolder() = default;

  std::filesystem::path path_;
  std::vector<SafetensorsFile> files_;
};

}  // namespace weft::formats
