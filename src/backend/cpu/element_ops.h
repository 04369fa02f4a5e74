// Operations on each element of a row by itself, for networks that are not plain Llamas.
#pragma once

#include <span>

#include "model/spec.h"

namespace weft::backend {

// x[i] = activation(x[i])
void activate(model::Activation activation, std::span<float> x);
// gate[i] = activation(gate[i]) * up[i], or what the activation makes of both
void activate(model::Activation activation, std::span<float> gate, std::span<const float> up);

void scale(std::span<float> x, float factor);
// x[i] = cap * tanh(x[i] / cap)
void soft_cap(std::span<float> x, float cap);
// x[i] += factor * y[i]
void add_scaled(std::span<float> x, float factor, std::span<const float> y);

}  // namespace weft::backend
