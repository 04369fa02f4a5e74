// Products of rows with the matrices of the experts that they chose: every weight is read once for
// each choice. W has the matrices of neighbouring experts, one below the other.
#pragma once

#include <cstdint>

#include "gpu/device.h"
#include "kernels/dispatch.h"
#include "kernels/repack.h"

namespace weft::kernels {

struct ExpertProduct {
  Weight weight;              // [experts in it * n, k]
  uint32_t first_expert = 0;  // the first one in W; choices of experts that are not are left out
  uint32_t n = 0;             // rows of an expert
  uint32_t used = 0;          // choices of each row
  gpu::Binding choices;       // ExpertChoice [rows, used]
  gpu::Binding bias;          // f32 [all experts, n], or no buffer
};

// y[row, choice, y_first + i] = (W_e x[row] + bias_e)[i]
struct EachExpert {
  gpu::Binding x;  // f32 [rows, k]
  gpu::Binding y;  // f32 [rows, used, y_stride]
  uint32_t y_stride = 0;
  uint32_t y_first = 0;
};
[[nodiscard]] Dispatch expert_matvec(gpu::Device& device, const ExpertProduct& product,
                                     const EachExpert& ends);

// y[row, i] += the sum over the row's choices of weight * (W_e x[row, choice] + bias_e)[i]
struct SumOfExperts {
  gpu::Binding x;  // f32 [rows, used, k]
  gpu::Binding y;  // f32 [rows, n]
};
[[nodiscard]] Dispatch expert_matvec(gpu::Device& device, const ExpertProduct& product,
                                     const SumOfExperts& ends);

}  // namespace weft::kernels
