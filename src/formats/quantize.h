// From floats to quantised blocks: the inverse of dequantize.h, with scales that a search finds to
// have the least error. The same bits on every machine.
#pragma once

#include <cstddef>
#include <span>

#include "formats/tensor_type.h"

namespace weft::formats {

[[nodiscard]] bool can_quantize(TensorType type);

// Writes the blocks of one row of finite numbers, of which there are whole blocks; `out` has their
// size. `importance` says how much the error of each column counts, in any unit and not negative;
// empty: all alike.
void quantize_row(TensorType type, std::span<const float> row, std::span<const float> importance,
                  std::span<std::byte> out);

}  // namespace weft::formats
