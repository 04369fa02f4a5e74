// Round-to-nearest quantisation of rows, for test models: simple, not the best there is.
#pragma once

#include <span>

#include "formats/tensor_type.h"
#include "testing/gguf_writer.h"

namespace weft::testing {

// `values` are whole blocks. Types but f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_K, q5_K and
// q6_K become random_blocks(), as large as `values` but not near them.
[[nodiscard]] Bytes quantize(formats::TensorType type, std::span<const float> values);

}  // namespace weft::testing
