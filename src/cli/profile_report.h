// What `weft bench --profile` says of a case.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/peak.h"
#include "engine/profile.h"

namespace weft::cli {

[[nodiscard]] std::string profile_text(const engine::ThroughputCase& test,
                                       const engine::Profile& profile,
                                       const std::optional<Peak>& peak);

// Without the case and its conditions.
[[nodiscard]] nlohmann::ordered_json profile_json(const engine::Profile& profile,
                                                  const std::optional<Peak>& peak);

}  // namespace weft::cli
