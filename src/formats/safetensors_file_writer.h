// Writes a safetensors file: the header, then the tensors' data in order, so that no more than a
// part of it is ever in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "formats/tensor_type.h"

namespace weft::formats {

struct SafeTensorInfo {
  std::string name;
  TensorType type;              // F32, F16 or BF16
  std::vector<uint64_t> shape;  // the last dimension runs fastest
};

// The file has a temporary name until commit().
class SafetensorsFileWriter {
 public:
  [[nodiscard]] static Result<SafetensorsFileWriter> create(
      const std::filesystem::path& path, std::span<const SafeTensorInfo> tensors);

  // The next bytes of the tensors' data, in their order.
  [[nodiscard]] Result<void> write(std::span<const std::byte> piece);
  // All data was written.
  [[nodiscard]] Result<void> commit();

 private:
  SafetensorsFileWriter(FileWriter file, uint64_t data_bytes)
      : file_(std::move(file)), left_(data_bytes) {}

  FileWriter file_;
  uint64_t left_;  // bytes of data to come
};

}  // namespace weft::formats
