// The tensors of a Hugging Face folder, made of those of a GGUF file: other names, rows, heads and
// numbers, and experts each by itself or in one tensor.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"
#include "formats/safetensors_file_writer.h"
#include "model/arch/arch.h"

namespace weft::model {

struct FolderTensor {
  formats::SafeTensorInfo info;
  uint64_t pieces;
  // The numbers of one piece, which follow those of the piece before.
  std::function<Result<void>(uint64_t piece, std::vector<float>& values)> read;
};

// Of a file and its spec, which must outlive them. `type`: of matrices; none: F32, F16 and BF16
// stay, all others become BF16. Vectors are F32.
[[nodiscard]] std::vector<FolderTensor> folder_tensors(const formats::GgufFile& file,
                                                       const Architecture& architecture,
                                                       const ModelSpec& spec,
                                                       std::optional<formats::TensorType> type);

}  // namespace weft::model
