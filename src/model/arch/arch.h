// The architectures there are: each turns a file's metadata and tensors into a ModelSpec. The
// fields `architecture`, `name` and `file_type` are the caller's.
#pragma once

#include "base/error.h"
#include "model/gguf_source.h"
#include "model/spec.h"

namespace weft::model {

[[nodiscard]] Result<ModelSpec> llama_from_gguf(GgufSource& source);

}  // namespace weft::model
