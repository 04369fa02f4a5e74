// What the parts of the reference model work on: activations in double precision.
#pragma once

#include <cmath>
#include <optional>
#include <vector>

#include "model/spec.h"

namespace weft::testing {

using Row = std::vector<double>;
using Rows = std::vector<Row>;  // one a position

[[nodiscard]] Row weight_row(const model::Weight& w, size_t row);

// y = W x + bias at each position.
[[nodiscard]] Rows linear(const model::Weight& w, const std::optional<model::Weight>& bias,
                          const Rows& x);

[[nodiscard]] inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace weft::testing
