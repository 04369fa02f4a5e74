// x[row, :] = scale * W[token, :], the row of the embedding that stands for each row's token. The
// token is the row's own or, where that is kTokenOfSlot, what its slot holds; one past the
// vocabulary is taken for the last.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/repack.h"

namespace weft::kernels {

struct Embedding {
  uint32_t vocab;            // or positions
  uint32_t first_token = 0;  // row 0 of the weight, where the embedding is split by rows
  float scale = 1;
  bool of_positions = false;  // of each row's position instead, added to what x holds
};

struct EmbeddingBuffers {
  gpu::Binding rows;         // Row [rows]
  gpu::Binding slot_tokens;  // u32 [slots]
  gpu::Binding x;            // f32 [rows, cols]
};

// Writes the rows of x whose tokens `weight` holds, and leaves the others: an embedding in parts
// takes a dispatch for each. An error where the columns are not a multiple of 4.
[[nodiscard]] Result<Dispatch> embedding(gpu::Device& device, const Embedding& shape,
                                         const Weight& weight, const EmbeddingBuffers& buffers);

}  // namespace weft::kernels
