// Weights that a file has in another form than the spec wants.
#pragma once

#include <algorithm>
#include <span>

#include "base/error.h"
#include "formats/dequantize.h"
#include "model/source.h"
#include "model/spec.h"

namespace weft::model {

// Makes the vector one of f32 in memory of its own, and calls change(x) with each element.
template <class Change>
[[nodiscard]] Result<void> remake(Source& source, Weight& vector, const Change& change) {
  const std::span<std::byte> made = source.make(vector.cols * sizeof(float));
  const std::span<float> values(reinterpret_cast<float*>(made.data()), vector.cols);
  WEFT_TRY(formats::dequantize(vector.tensor.type, vector.tensor.data, values));
  std::ranges::for_each(values, change);
  vector.tensor.type = formats::TensorType::kF32;
  vector.tensor.data = made;
  return {};
}

struct Rows {
  uint32_t first, count;
};
// A matrix of those rows of `all`, in their order, in memory of its own.
[[nodiscard]] Weight made_of_rows(Source& source, const Weight& all, std::span<const Rows> rows);

// The weights of a norm that has none, [size].
[[nodiscard]] Weight vector_of_ones(Source& source, uint32_t size);

// For families whose norms multiply by 1 + w.
[[nodiscard]] Result<void> add_one_to_norms(Source& source, ModelSpec& spec);

}  // namespace weft::model
