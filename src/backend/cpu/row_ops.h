// The operations of a layer that work on one row of activations.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/spec.h"

namespace weft::backend {

// out[i] = x[i] * weight[i] / sqrt(mean(x^2) + eps)
void rms_norm(std::span<const float> x, std::span<const float> weight, float eps,
              std::span<float> out);

// gate[i] = silu(gate[i]) * up[i], silu(x) = x / (1 + exp(-x))
void swiglu(std::span<float> gate, std::span<const float> up);

// Cosines and sines of one position's angles, times the magnitude, [dims / 2] each.
struct RotationRow {
  std::span<float> cos;
  std::span<float> sin;
};
void fill_rotation(const model::Rope& rope, uint32_t pos, const RotationRow& out);

// Rotates the first 2 * cos.size() values of each head of `heads`, [n_heads, head_dim].
void rotate(std::span<float> heads, uint32_t head_dim, model::RopePairs pairs,
            const RotationRow& rotation);

}  // namespace weft::backend
