// Blocks for test models, of types that are hard to quantise to.
#pragma once

#include <span>

#include "formats/tensor_type.h"
#include "testing/gguf_writer.h"

namespace weft::testing {

// Random blocks with numbers as large as `like`, whole blocks, on average: the same ones for the
// same values. Types: all quantised ones but q4_0 to q8_0 and q4_K to q6_K.
[[nodiscard]] Bytes random_blocks(formats::TensorType type, std::span<const float> like);

}  // namespace weft::testing
