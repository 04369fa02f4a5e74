// From a file to a ModelSpec.
#pragma once

#include "base/error.h"
#include "formats/gguf.h"
#include "model/hf_model.h"
#include "model/spec.h"

namespace weft::model {

// Reads architecture, hyper-parameters and tensors. Unknown architecture, RoPE scaling, a missing
// or superfluous tensor, a shape that contradicts the header: an error that names it. The spec's
// views point into `file`, which must outlive it.
[[nodiscard]] Result<ModelSpec> spec_from_gguf(const formats::GgufFile& file);

// The same of a Hugging Face folder's config.json and weights; what a field of the configuration
// may change must be known.
[[nodiscard]] Result<ModelSpec> spec_from_folder(const HfFolder& folder);

}  // namespace weft::model
