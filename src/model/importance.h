// An importance matrix: how much the error of each column of a weight counts, from the activations
// that it was multiplied with. Read from the files that llama.cpp's llama-imatrix writes: GGUF, and
// the format of its own (.dat) that older versions wrote.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"
#include "formats/gguf_file_writer.h"

namespace weft::model {

class Importance {
 public:
  [[nodiscard]] static Result<Importance> open(const std::filesystem::path& path);

  // For each matrix of the tensor (experts are several) its columns' importance; empty where the
  // file has none for this tensor, an error where it has another number.
  [[nodiscard]] Result<std::span<const float>> of(const formats::GgufTensorInfo& tensor) const;

  [[nodiscard]] const std::string& name() const { return name_; }  // the file's
  [[nodiscard]] size_t size() const { return values_.size(); }     // tensors
  [[nodiscard]] uint32_t chunks() const { return chunks_; }        // of text it was made from
  [[nodiscard]] const std::string& dataset() const { return dataset_; }

 private:
  [[nodiscard]] Result<void> read_gguf(const formats::GgufFile& file);
  [[nodiscard]] Result<void> read_legacy(std::span<const std::byte> bytes);

  std::string name_;
  std::string dataset_;
  uint32_t chunks_ = 0;
  std::map<std::string, std::vector<float>, std::less<>> values_;  // by the tensor's name
};

}  // namespace weft::model
