// Part of gguf_image.cpp: the rows of one tensor from any type to another, on several threads.
#pragma once

#include <functional>

#include "model/gguf_image.h"

namespace weft::model {

struct RowQuantizer {
  const formats::GgufTensorInfo& tensor;
  std::span<const std::byte> data;  // all of the tensor
  formats::TensorType to;
  unsigned threads;
  std::span<const float> importance = {};  // of each matrix's columns, or empty

  // Calls write(blocks, bytes_read) for one run of rows after the other, and adds up the errors.
  using Write = std::function<Result<void>(std::span<const std::byte> blocks, uint64_t bytes_read)>;
  [[nodiscard]] Result<void> run(const Write& write, TensorChange& change) const;
};

}  // namespace weft::model
