// Fields of config.json that no family reads.
#pragma once

#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

namespace weft::model {

// Whether a field does not change what a forward pass computes, or shows in the tensors.
[[nodiscard]] bool is_without_effect(std::string_view field);

// The value with which a field changes nothing, where it has one; others are not supported.
[[nodiscard]] std::optional<nlohmann::json> only_value(std::string_view field);

}  // namespace weft::model
