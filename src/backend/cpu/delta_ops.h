// The operations of Gated DeltaNet layers; model/spec.h has the formulas.
#pragma once

#include <cstdint>
#include <span>

namespace weft::backend {

// out[c] = silu(sum over j of weights[j, c] * inputs[j][c]), of out.size() channels. Weights are
// [inputs.size(), channels].
void convolve(std::span<const float* const> inputs, std::span<const float> weights,
              std::span<float> out);

// Each part of `dim` elements is multiplied by scale / sqrt(its sum of squares + 1e-6).
void scale_to_length(std::span<float> x, uint32_t dim, float scale);

// A head's matrix S [k.size(), v_dim] and one row: S *= decay, S += k (beta * (v - k^T S))^T,
// out = q^T S. A result's bits depend on neither the instructions nor the row's neighbours.
struct DeltaRow {
  std::span<const float> q, k;
  std::span<const float> v;
  float decay;
  float beta;
  std::span<float> out;  // [v.size()]
};
// Row after row, for columns of S that stay in the first-level cache meanwhile.
void delta_rule(std::span<float> matrix, std::span<const DeltaRow> rows);

// x[i] *= sigmoid(gate[i])
void multiply_by_sigmoid(std::span<float> x, std::span<const float> gate);

}  // namespace weft::backend
