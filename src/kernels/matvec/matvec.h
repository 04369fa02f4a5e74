// y[row, y_first + n] = sum over k of x[row, k] W[n, k], optionally + bias[n], optionally added to
// what y holds (a residual), for each row of the step. Products and sums in f32.
// For few rows: each weight is read once for up to 8 of them; more rows read the weights again.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/repack.h"

namespace weft::kernels {

enum class Store : uint8_t { kReplace, kAdd };

// x and y are different buffers.
struct Product {
  Count rows = Count::kRows;
  Weight weight;      // [n, k]
  gpu::Binding x;     // f32 [rows, k]
  gpu::Binding y;     // f32 [rows, y_stride]
  gpu::Binding bias;  // f32 [n], or no buffer
  uint32_t y_stride = 0;
  uint32_t y_first =
      0;  // column of y where W's first row goes: a part of a split tensor is not at 0
  Store store = Store::kReplace;
};

enum class XQuads : uint8_t {
  kDirect,     // k is a multiple of the weight's unit
  kBroadcast,  // likewise; lanes_k is 1 and a subgroup has 8 lanes or more
  kRagged,     // any k
};
enum class LaneSums : uint8_t {
  kPlain,
  kSubgroup,  // a subgroup has lanes_n lanes or more
};

struct MatvecVariant {
  uint32_t rows;      // of x that share one reading of W: 1 to 8
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
