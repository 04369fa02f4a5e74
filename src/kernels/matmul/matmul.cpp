#include "kernels/matmul/matmul.h"

#include "base/check.h"
#include "base/checked.h"

namespace weft::kernels {

MatmulVariant matmul_variant(const WeightLayout& weight, uint32_t rows) {
  return {.tile_rows = rows <= 16   ? 16U
                       : rows <= 32 ? 32U
                                    : 64U,
          .tile_n = 64,
          .x = x_quads_for(weight)};
}

Dispatch matmul(gpu::Device& device, const Product& product, const MatmulVariant& variant) {
  CHECK(variant.tile_rows % 16 == 0 && variant.tile_n % 16 == 0);
  CHECK(variant.tile_rows + variant.tile_n <= 128);  // 16 KiB, which every device has
  CHECK(variant.x != XQuads::kBroadcast);
  Dispatch dispatch = product_dispatch(
      device, product, variant.x,
      {.kernel = "matmul",
       .constants = {{"kTileRows", variant.tile_rows}, {"kTileN", variant.tile_n}}});
  dispatch.label = "matmul";
  dispatch.x = tiles_of_rows(product, variant.tile_rows);
  dispatch.y = {.fixed = ceil_div(matrix_of(product).rows, variant.tile_n)};
  return dispatch;
}

}  // namespace weft::kernels
