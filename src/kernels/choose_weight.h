// The choice of a weight's format, for shaders that import "weight" and "unit_place".
#pragma once

#include "kernels/compose.h"
#include "kernels/repack.h"

namespace weft::kernels {

inline void choose_weight(WeightFormat format, Variant& variant) {
  variant.imports.emplace_back("weight", wgsl_name(format));
  variant.constants.emplace_back("kRowGroup", row_group(format));
}

}  // namespace weft::kernels
