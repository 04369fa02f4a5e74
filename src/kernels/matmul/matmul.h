// product.h for many rows: tiles of x and of unpacked weights in workgroup memory, tiles of results
// in registers. Needs no optional feature.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/product/product_parts.h"

namespace weft::kernels {

struct MatmulVariant {
  uint32_t tile_rows;  // a multiple of 16, as tile_n; together at most 128
  uint32_t tile_n;
  XQuads x;  // kDirect or kRagged
};

// The fastest known for steps that mostly have `rows` rows.
[[nodiscard]] MatmulVariant matmul_variant(const WeightLayout& weight, uint32_t rows);

[[nodiscard]] Dispatch matmul(gpu::Device& device, const Product& product,
                              const MatmulVariant& variant);

}  // namespace weft::kernels
