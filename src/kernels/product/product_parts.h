// What the hosts of the kernels that make products share.
#pragma once

#include <span>
#include <string_view>

#include "gpu/device.h"
#include "kernels/compose.h"
#include "kernels/product/product.h"

namespace weft::kernels {

// How a kernel reads x.
enum class XQuads : uint8_t {
  kDirect,     // k is a multiple of the weight's unit
  kBroadcast,  // likewise, and of a matvec whose lanes_k is 1; subgroups have 8 lanes or more
  kRagged,     // any k
};

[[nodiscard]] std::string_view wgsl_name(XQuads x);

// kDirect where it may be, else kRagged.
[[nodiscard]] XQuads x_quads_for(const WeightLayout& weight);

// Of one matrix: all of W, or that of an expert. size_bytes are those of all that is read.
[[nodiscard]] WeightLayout matrix_of(const Product& product);

// Chooses which rows a tile has, where they are those of experts.
void choose_tile_rows(const Product& product, Variant& variant);

// A workgroup for each tile of rows. Tiles of experts have the size of the product's.
[[nodiscard]] GridAxis tiles_of_rows(const Product& product, uint32_t tile_rows);

// Results of each row of the step.
[[nodiscard]] uint32_t y_rows_each(const Product& product);

// All but the grid and the label. `variant` has the kernel's own choices; those of product.wgsl are
// added. `more` is bound behind the weight.
[[nodiscard]] Dispatch product_dispatch(gpu::Device& device, const Product& product,
                                        Variant variant, std::span<const gpu::Binding> more = {});

// The same with x_quads.
[[nodiscard]] Dispatch product_dispatch(gpu::Device& device, const Product& product, XQuads x,
                                        Variant variant);

}  // namespace weft::kernels
