// Sorts the choices of a step's rows by expert, in tiles of equal size that each have one expert,
// for products of many rows (product.h). Experts, and the choices of one, keep their order.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"

namespace weft::kernels {

inline constexpr uint32_t kExpertTileSizes[] = {16, 32, 64, 128};  // that products take

struct ExpertTiles {
  uint32_t experts;  // at most kMaxRouteExperts
  uint32_t used;     // choices of a row
  uint32_t tile;     // choices of a tile, of kExpertTileSizes
};

struct ExpertTilesBuffers {
  gpu::Binding choices;  // ExpertChoice [rows, used]
  gpu::Binding tiles;    // u32: lib/tile_rows_of_expert.wgsl
};

// What `rows` rows need of `tiles`.
[[nodiscard]] uint64_t expert_tiles_bytes(const ExpertTiles& shape, uint32_t rows);

// The most that a step can have, as workgroups of a product.
[[nodiscard]] GridAxis most_expert_tiles(const ExpertTiles& shape, Count rows);

[[nodiscard]] Dispatch expert_tiles(gpu::Device& device, const ExpertTiles& shape,
                                    const ExpertTilesBuffers& buffers);

}  // namespace weft::kernels
