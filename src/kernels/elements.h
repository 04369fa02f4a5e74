// How a kernel stores its results (lib/elements.wgsl).
#pragma once

#include <cstdint>

#include "kernels/compose.h"

namespace weft::kernels {

enum class Elements : uint8_t {
  kF32,
  kF16,  // for matmul_subgroup; beyond the largest number of f16 stands that number
};

inline void choose_elements(Elements elements, Variant& variant) {
  if (elements == Elements::kF16) variant.imports.emplace_back("elements", "elements_f16");
}

}  // namespace weft::kernels
