// The vocabulary and the template of a GGUF file as files of a Hugging Face folder.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "formats/gguf.h"

namespace weft::engine {

// Writes tokenizer.json, tokenizer_config.json with the chat template, and generation_config.json
// with the ends of generation. An error where the file has no vocabulary, or one of a kind that
// tokenizer.json has no form of.
[[nodiscard]] Result<void> write_folder_text(const formats::GgufFile& file,
                                             const std::filesystem::path& folder);

}  // namespace weft::engine
