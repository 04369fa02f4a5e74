// The products of a decode step, each with what comes before and after it:
//   finish(W x), where x may first be RMS-normed
// Quantised weights meet activations of 16 bits in integer dot products, floating-point weights
// meet f32. For up to kMaxMatvecRows rows each weight is read once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "gpu/device.h"
#include "kernels/activation.h"
#include "kernels/dispatch.h"
#include "kernels/product/product.h"
#include "kernels/repack.h"
#include "kernels/rope_kv/rope_kv.h"

namespace weft::kernels {

struct DotInput {
  Count rows = Count::kRows;
  gpu::Binding x;        // f32 [rows, k], or [rows, used, k] for ExpertSumFinish
  gpu::Binding norm;     // f32 [k]: weights of an RMS norm of x; or no buffer
  float eps = 0;         // of the norm
  gpu::Binding outputs;  // u32 [outputs]: the row of x for each row of the product; or no buffer
};

struct StoreFinish {
  gpu::Binding y;     // f32 [rows, y_stride]
  gpu::Binding bias;  // f32 [n], or no buffer
  uint32_t y_stride = 0;
  uint32_t y_first = 0;  // column of y for W's first row
  Store store = Store::kReplace;
};

// W's rows are those of the gate and then as many of what it gates.
struct SwigluFinish {
  gpu::Binding y;  // f32 [rows, n / 2]
  Activation activation = Activation::kSilu;
};

// W's rows are of the heads of q, k and v one after another: see rope_kv.h.
struct RopeKvFinish {
  RopeKv shape;
  uint32_t first_row = 0;  // of all those rows that W begins with: a multiple of head_dim
  gpu::Binding rows;       // Row [rows]
  gpu::Binding turns;      // rope_turns(inv_freq)
  gpu::Binding q;          // f32 [rows, n_heads, head_dim]
  gpu::Binding k_cache, v_cache;
};

// Experts that rows chose. W has the matrices of all, one below the other.
struct ChosenExperts {
  gpu::Binding choices;  // ExpertChoice [rows, used]
  uint32_t used = 0;
  uint32_t n = 0;     // rows of an expert's matrix, a multiple of kRowAlignment
  gpu::Binding bias;  // f32 [experts, n], or no buffer
};

// y = weight * gated(gate, up) for each choice, with the router's weight, or weight * gated(weight
// * gate, up); an expert's rows are those of its gate and then as many of what it gates.
struct ExpertGateFinish {
  ChosenExperts experts;
  gpu::Binding y;  // f32 [rows, used, n / 2]
  Activation activation = Activation::kSilu;
  bool weighs_gate = false;
};

// y[row] += the sum over the row's choices of W_e x[row, choice] + weight * bias_e: what
// ExpertGateFinish left has the weights in it.
struct ExpertSumFinish {
  ChosenExperts experts;
  gpu::Binding y;  // f32 [rows, n]
};

using Finish =
    std::variant<StoreFinish, SwigluFinish, RopeKvFinish, ExpertGateFinish, ExpertSumFinish>;

struct DotProduct {
  Weight weight;                // [n, k], or [experts * n, k]
  std::optional<Weight> below;  // more rows of W, where can_stand_below()
  Finish finish;
};

// Whether one dispatch can take a weight and another one, of another format, for the rows below:
// every dispatch costs as much as reading megabytes, and files often have V alone in more bits.
[[nodiscard]] bool can_stand_below(const WeightLayout& weight, const WeightLayout& below);

// Whether this device can run it; there are plain kernels for all that it does.
[[nodiscard]] bool can_dot_matvec(const gpu::AdapterInfo& info, const DotProduct& product);

// Where the rows of x are made ready.
enum class XPlace : uint8_t {
  kWorkgroup,  // by every workgroup for itself; for a single row
  kStorage,    // by a dispatch of their own, for all workgroups
};

struct DotMatvecVariant {
  uint32_t rows;     // of x that share one reading of W: 1 to kMaxMatvecRows; 1 of experts
  uint32_t pairs;    // of rows of W that a lane handles at a time
  uint32_t lanes_k;  // of a group
  uint32_t groups;   // of a workgroup
  uint32_t turns;    // of a workgroup, one after another
  XPlace x = XPlace::kStorage;
};

// The fastest known for steps of `rows` rows.
[[nodiscard]] DotMatvecVariant dot_matvec_variant(const gpu::AdapterInfo& info,
                                                  const WeightLayout& weight, uint32_t rows);
[[nodiscard]] DotMatvecVariant dot_matvec_variant(const gpu::AdapterInfo& info,
                                                  const DotProduct& product, uint32_t rows);

// What rows of x made ready take in storage; `k` is the largest of any product.
struct DotScratchBytes {
  uint64_t rows;
  uint64_t lines;
};
[[nodiscard]] DotScratchBytes dot_scratch_bytes(uint32_t k, uint32_t max_rows);
struct DotScratch {
  gpu::Binding rows;
  gpu::Binding lines;
};

// Appends what computes `product` to `plan`.
void dot_matvec(gpu::Device& device, const DotInput& input, const DotProduct& product,
                const DotMatvecVariant& variant, const DotScratch& scratch,
                std::vector<Dispatch>& plan);

// The same for products of one input, by the fastest variants known for steps of `rows` rows.
void dot_matvecs(gpu::Device& device, const DotInput& input, std::span<const DotProduct> products,
                 uint32_t rows, const DotScratch& scratch, std::vector<Dispatch>& plan);

}  // namespace weft::kernels
