// product.h for many rows and quantised weights, by packed dot products: for devices without matrix
// units. Activations are whole numbers of 16 bits with a scale for each 32, as two bytes each, so
// that sums inside a unit of W are exact. Each weight is unpacked once for a tile of rows.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/compose.h"
#include "kernels/dispatch.h"
#include "kernels/dot_matvec/dot_matvec.h"
#include "kernels/product/product.h"
#include "kernels/repack.h"

namespace weft::kernels {

// Whether this device can multiply with W so; matmul.h can wherever this cannot.
[[nodiscard]] bool can_matmul_dot(const gpu::AdapterInfo& info, const WeightLayout& weight);

// What `rows` rows of x made ready take in storage.
[[nodiscard]] DotScratchBytes matmul_dot_scratch_bytes(uint32_t k, uint32_t rows);

// Makes x, f32 [rows * rows_each, k], ready; k is a multiple of 32.
[[nodiscard]] Dispatch quantize_units(gpu::Device& device, Count rows, const gpu::Binding& x,
                                      uint32_t k, const DotScratch& scratch,
                                      uint32_t rows_each = 1);

struct MatmulDotVariant {
  uint32_t tile_rows;  // a multiple of 8
  uint32_t tile_n;     // a multiple of 16; both together at most kMaxDotTile
  Loops loops;         // written out they take a CPU's driver minutes to compile
};
inline constexpr uint32_t kMaxDotTile = 192;  // its workgroup memory is within what any device has

// The fastest known for steps that mostly have `rows` rows.
[[nodiscard]] MatmulDotVariant matmul_dot_variant(const gpu::AdapterInfo& info,
                                                  const WeightLayout& weight, uint32_t rows);

// Of the rows that quantize_units() left in the scratch; product.x is not read.
[[nodiscard]] Dispatch matmul_dot(gpu::Device& device, const Product& product,
                                  const DotScratch& scratch, const MatmulDotVariant& variant);

}  // namespace weft::kernels
