// product.h for many rows, on matrix units: f16 multiplicands, f32 sums. Weights are unpacked to
// f16 in workgroup memory. x is f16 here; who writes it holds values to f16's range, as a residual
// stream that left it would leave it in other engines' f16 too, and a scale for each row would cost
// every kernel that writes x a pass over the row.
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/device.h"
#include "kernels/activation.h"
#include "kernels/dispatch.h"
#include "kernels/product/product.h"
#include "kernels/subgroup_matrix.h"

namespace weft::kernels {

struct MatmulSubgroupVariant {
  SubgroupMatrix matrix;
  uint32_t tile_rows, tile_n, tile_k;  // of a workgroup; tile_k: a multiple of 32 that divides k
  uint32_t part_rows, part_n;          // of a subgroup; divide the tile, multiples of the matrix
  uint32_t splits;                     // workgroups that share a tile's k; they take equal parts
};

// Limits::max_workgroup_bytes that the chosen variants need.
inline constexpr uint32_t kMatmulWorkgroupBytes = 32768;

// k is a multiple of 32 and n one of 4.
[[nodiscard]] bool can_matmul_subgroup(const WeightLayout& weight);

// The fastest known for steps that mostly have `rows` rows, where the kernel can.
[[nodiscard]] MatmulSubgroupVariant matmul_subgroup_variant(const gpu::AdapterInfo& info,
                                                            const SubgroupMatrix& matrix,
                                                            const WeightLayout& weight,
                                                            uint32_t rows);

// For rows that chose experts, in tiles of `tile_rows`: 16, 32, 64 or 128. `weight` is that of one.
[[nodiscard]] MatmulSubgroupVariant matmul_experts_variant(const gpu::AdapterInfo& info,
                                                           const SubgroupMatrix& matrix,
                                                           const WeightLayout& weight,
                                                           uint32_t tile_rows);

// What any weight and number of rows need of `parts` below, where the variant is that for the rows.
inline constexpr uint64_t kMatmulPartsBytes = uint64_t{36} << 20;

// What `rows` rows need of it; 0 where nothing is split.
[[nodiscard]] uint64_t matmul_parts_bytes(const MatmulSubgroupVariant& variant,
                                          const WeightLayout& weight, uint32_t rows);

// One dispatch, or two where k is split: then partial sums lie in `parts` between them.
// product.x is f16 [rows, k] in chunks (Elements::kF16Chunks); y_stride and y_first are multiples
// of 4.
[[nodiscard]] std::vector<Dispatch> matmul_subgroup(gpu::Device& device, const Product& product,
                                                    const MatmulSubgroupVariant& variant,
                                                    const gpu::Binding& parts);

// Gate and up of an MLP with what follows: y = gated(gate, up), where the rows of
// product.weight, or of each expert, are those of the gate and then as many of up. y is f16
// [rows, n / 2] in chunks; product.store, y_stride and y_first have no meaning here.
[[nodiscard]] bool can_gate(const MatmulSubgroupVariant& variant, const WeightLayout& weight);
[[nodiscard]] Dispatch matmul_subgroup_gated(gpu::Device& device, const Product& product,
                                             Activation activation,
                                             const MatmulSubgroupVariant& variant);

}  // namespace weft::kernels
