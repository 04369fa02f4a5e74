// The fields of config.json for what not every layer of a network has: mixtures of experts, Gated
// DeltaNet, windows, RoPE.
#pragma once

#include <nlohmann/json.hpp>

#include "model/arch/arch.h"
#include "model/spec.h"

namespace weft::model {

// Adds those that the architecture's folders have.
void set_layer_fields(const Architecture& architecture, const ModelSpec& spec,
                      nlohmann::ordered_json& config);

}  // namespace weft::model
