// A Hugging Face folder as a GGUF file: keys and tensors under the names, and with the rows, that
// llama.cpp's converter gives them.
#pragma once

#include "base/error.h"
#include "model/gguf_image.h"
#include "model/hf_model.h"
#include "model/spec.h"

namespace weft::model {

// All but the vocabulary. Matrices keep their type, everything else becomes F32. `folder` must
// outlive the result.
[[nodiscard]] Result<GgufImage> image_of(const HfFolder& folder);

// An error that names the first number in which two specs compute something else: not every network
// that a config.json can describe is one that a GGUF file can. `form` begins the sentence: "A GGUF
// file".
[[nodiscard]] Result<void> expect_same_network(const ModelSpec& wanted, const ModelSpec& got,
                                               std::string_view form);

}  // namespace weft::model
