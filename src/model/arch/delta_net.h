// Gated DeltaNet layers, as the families that have them name keys and tensors.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "model/source.h"
#include "model/spec.h"

namespace weft::model {

// Reads the layer's DeltaNet; false where it has attention. `of_gguf`: how GGUF files of the
// architecture sort heads of v.
[[nodiscard]] Result<bool> read_delta_net(Source& source, uint32_t layer, const ModelSpec& spec,
                                          LayerSpec& out, KeyHeads of_gguf);

}  // namespace weft::model
