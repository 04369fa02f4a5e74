#include "formats/safetensors_file_writer.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/checked.h"

namespace weft::formats {
namespace {

const char* dtype_of(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return "F32";
    case TensorType::kF16:
      return "F16";
    default:
      CHECK(type == TensorType::kBF16);
      return "BF16";
  }
}

}  // namespace

Result<SafetensorsFileWriter> SafetensorsFileWriter::create(
    const std::filesystem::path& path, std::span<const SafeTensorInfo> tensors) {
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const SafeTensorInfo& tensor : tensors) {
    uint64_t size = info(tensor.type).block_bytes;
    for (const uint64_t n : tensor.shape) size *= n;
    header[tensor.name] = {{"dtype", dtype_of(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  std::string text = header.dump();
  text.resize(round_up(text.size(), size_t{8}), ' ');  // the data is aligned
  WEFT_ASSIGN(FileWriter file, FileWriter::create(path));
  const uint64_t size = text.size();
  WEFT_TRY(file.write(std::as_bytes(std::span(&size, 1))));
  WEFT_TRY(file.write(std::as_bytes(std::span(text))));
  return SafetensorsFileWriter(std::move(file), offset);
}

Result<void> SafetensorsFileWriter::write(std::span<const std::byte> piece) {
  CHECK(piece.size() <= left_);
  left_ -= piece.size();
  return file_.write(piece);
}

Result<void> SafetensorsFileWriter::commit() {
  CHECK(left_ == 0);
  return file_.commit();
}

}  // namespace weft::formats
