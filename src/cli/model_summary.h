// What `weft show` says of a model, whether or not it can be run.
#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace weft::cli {

[[nodiscard]] Result<nlohmann::ordered_json> model_summary(const std::filesystem::path& path);

}  // namespace weft::cli
