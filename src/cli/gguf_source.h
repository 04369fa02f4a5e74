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

// An error where `out` is the model at `in`, or a file of its folder: it would be lost.
[[nodiscard]] Result<void> expect_other_file(const std::filesystem::path& in,
                                             const std::filesystem::path& out);

}  // namespace weft::cli
