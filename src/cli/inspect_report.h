// What `weft inspect` says of a GGUF file or a Hugging Face folder.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "formats/gguf.h"
#include "model/hf_model.h"

namespace weft::cli {

// One object; arrays of the metadata are shown by their type, length and first elements.
[[nodiscard]] nlohmann::ordered_json inspect_json(const formats::GgufFile& file);
[[nodiscard]] nlohmann::ordered_json inspect_json(const model::HfFolder& folder);

// The same for people, ASCII only, whatever the file holds.
[[nodiscard]] std::string inspect_text(const formats::GgufFile& file);
[[nodiscard]] std::string inspect_text(const model::HfFolder& folder);

}  // namespace weft::cli
