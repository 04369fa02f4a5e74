#include "kernels/expert_tiles/expert_tiles.h"

#include <array>

#include "base/check.h"
#include "kernels/gen/expert_tiles.wgsl.h"
#include "kernels/make_dispatch.h"
#include "kernels/route/route.h"

namespace weft::kernels {

GridAxis most_expert_tiles(const ExpertTiles& shape, Count rows) {
  // Each expert has at most one tile that is not full.
  return {.count = rows, .fixed = shape.used, .per_group = shape.tile, .more = shape.experts};
}

uint64_t expert_tiles_bytes(const ExpertTiles& shape, uint32_t rows) {
  const uint64_t tiles = workgroups(most_expert_tiles(shape, Count::kRows), {.rows = rows});
  return 4 * (1 + tiles * (1 + shape.tile));
}

Dispatch expert_tiles(gpu::Device& device, const ExpertTiles& shape,
                      const ExpertTilesBuffers& buffers) {
  CHECK(shape.experts <= kMaxRouteExperts);
  return make_dispatch(
      device, {.kernel = "expert_tiles", .overrides = {{"TILE", static_cast<double>(shape.tile)}}},
      std::array{buffers.choices, buffers.tiles},
      ExpertTilesParams{.rows = 0, .used = shape.used, .experts = shape.experts},
      {.count = Count::kRows,
       .x = {.fixed = shape.experts},
       .bytes_per_count = uint64_t{4} * shape.used});
}

}  // namespace weft::kernels
