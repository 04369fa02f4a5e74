// The plain meaning of each quantised block, one row at a time: the reference that kernels are
// measured against, and the path for tensors that are small or read once.
#pragma once

#include <cstddef>
#include <span>

#include "base/error.h"
#include "formats/tensor_type.h"

namespace weft::formats {

[[nodiscard]] bool can_dequantize(TensorType type);

// Writes out.size() elements, whole blocks, from `blocks`, which holds exactly these. An error
// where the type has no decoder.
[[nodiscard]] Result<void> dequantize(TensorType type, std::span<const std::byte> blocks,
                                      std::span<float> out);

}  // namespace weft::formats
