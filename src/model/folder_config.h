// config.json of a Hugging Face folder, for a model that was read from a GGUF file.
#pragma once

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "formats/gguf.h"
#include "model/arch/arch.h"

namespace weft::model {

// An error where the architecture is none that can be written, or its RoPE is scaled in a way that
// config.json has no name for. What it says is to be compared with the spec.
[[nodiscard]] Result<nlohmann::ordered_json> config_of(const formats::GgufFile& file,
                                                       const Architecture& architecture,
                                                       const ModelSpec& spec);

}  // namespace weft::model
