// A tensor as it lies in a mapped file: nothing is owned, nothing is converted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "formats/tensor_type.h"

namespace weft::formats {

struct TensorView {
  std::string name;
  TensorType type;
  uint32_t n_dims;                  // 1 to 4
  std::array<uint64_t, 4> dims;     // ggml order: dims[0] runs fastest (the columns); unused: 1
  std::span<const std::byte> data;  // exactly size_bytes of it lie in the file
  uint64_t offset;                  // of data, from the file's start

  [[nodiscard]] uint64_t cols() const { return dims[0]; }
  [[nodiscard]] uint64_t rows() const { return dims[1] * dims[2] * dims[3]; }
  [[nodiscard]] uint64_t elements() const { return cols() * rows(); }
};

}  // namespace weft::formats
