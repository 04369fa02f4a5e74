// A GGUF file as a Hugging Face folder: config.json and model.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/error.h"
#include "formats/gguf.h"

namespace weft::model {

struct FolderOptions {
  // Of the matrices: F32, F16 or BF16. None: those of these types stay, all others become BF16.
  // Vectors are F32.
  std::optional<formats::TensorType> type;
  std::function<void(uint64_t done, uint64_t total)> on_progress;
};

// `folder` must not be there, or be empty. An error, and no config.json, where the folder would not
// say the same network as the file.
[[nodiscard]] Result<void> write_folder(const formats::GgufFile& file,
                                        const std::filesystem::path& folder,
                                        const FolderOptions& options);

}  // namespace weft::model
