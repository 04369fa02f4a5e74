// Small matrices that a subgroup multiplies at once (lib/subgroup_matrix.wgsl): f16 in, f32 sums.
#pragma once

#include <cstdint>
#include <optional>

#include "gpu/adapter.h"
#include "kernels/compose.h"

namespace weft::kernels {

struct SubgroupMatrix {
  uint32_t m = 0, n = 0, k = 0;  // (m x k) times (k x n)
  uint32_t lanes = 0;            // of a subgroup
  bool stands_in = false;        // lanes do what matrix units would: for tests, needs no feature

  bool operator==(const SubgroupMatrix&) const = default;
};

// What the device's matrix units take whose sides divide 16, the largest. Nothing without such
// units, or where subgroups have more than one size.
[[nodiscard]] std::optional<SubgroupMatrix> subgroup_matrix(const gpu::AdapterInfo& info);

// 8 x 8 x 8 without matrix units, where subgroups have one size of at least 8.
[[nodiscard]] std::optional<SubgroupMatrix> stand_in_matrix(const gpu::AdapterInfo& info);

// Adds the import and the constants that a kernel on `matrix` needs.
void choose_matrix(const SubgroupMatrix& matrix, Variant& variant);

}  // namespace weft::kernels
