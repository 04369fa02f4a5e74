// Gated DeltaNet in double precision, row after row.
#pragma once

#include "model/spec.h"
#include "testing/reference_rows.h"

namespace weft::testing {

// What the layer gives for the rows of one sequence from its first on; eps is that of norms.
[[nodiscard]] Rows reference_delta_net(const model::DeltaNet& net, float eps, const Rows& x);

}  // namespace weft::testing
