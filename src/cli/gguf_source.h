// A model to be written as a GGUF file, from a GGUF file or a Hugging Face folder.
#pragma once

#include <filesystem>
#include <variant>

#include "base/error.h"
#include "formats/gguf.h"
#include "model/gguf_image.h"
#include "model/hf_model.h"

namespace weft::cli {

struct GgufSource {
  // What the image's data lies in.
  std::variant<std::monostate, formats::GgufFile, model::HfFolder> storage;
  model::GgufImage image;
};

// A folder without a vocabulary gives an image without one, and a notice.
[[nodiscard]] Result<GgufSource> open_gguf_source(const std::filesystem::path& path);

}  // namespace weft::cli
