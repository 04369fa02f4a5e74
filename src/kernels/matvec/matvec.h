// product.h for few rows: each weight is read once for up to 8 of them; more rows read the weights
// again.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/product/product_parts.h"

namespace weft::kernels {

inline constexpr uint32_t kMaxMatvecRows = 8;

// How partial sums of a row of W come together.
enum class LaneSums : uint8_t {
  kPlain,
  kSubgroup,  // subgroups have lanes_n lanes or more; the workgroup is a multiple of all their
              // sizes
};

struct MatvecVariant {
  uint32_t rows;      // of x that share one reading of W: 1 to kMaxMatvecRows
  uint32_t per_lane;  // rows of W of one lane
  uint32_t lanes_n;
  uint32_t lanes_k;
  XQuads x;
  LaneSums sums;
};

// The fastest known for W on this device, where steps mostly have `rows` rows.
[[nodiscard]] MatvecVariant matvec_variant(const gpu::AdapterInfo& info, const WeightLayout& weight,
                                           uint32_t rows);

[[nodiscard]] Dispatch matvec(gpu::Device& device, const Product& product,
                              const MatvecVariant& variant);

}  // namespace weft::kernels
