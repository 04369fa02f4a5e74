// Repacking of rows, as they lie in a file, into tiles (packed_blocks.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/packed_blocks.h"
#include "formats/tensor_type.h"

namespace weft::backend {

// At most kTileRows neighbouring rows of a matrix.
struct SourceRows {
  formats::TensorType type;
  const std::byte* data;  // the first row
  size_t row_bytes;
  uint32_t rows;  // at least 1
  uint32_t cols;
};

// Bytes of a packed tile of `cols` columns, a multiple of 64; 0 where the type has no packed form.
[[nodiscard]] size_t packed_tile_bytes(formats::TensorType type, uint32_t cols);

// Writes the tile of `rows`; places without a row repeat the last one. Exact: what a file says in
// fewer bits is only spread out. `tile` is aligned to 64 bytes.
void pack_tile(const SourceRows& rows, std::byte* tile);

}  // namespace weft::backend
