#include "backend/gpu/dot_plan.h"

#include <gtest/gtest.h>

#include "kernels/subgroup_matrix.h"

namespace weft::backend {
namespace {

// Of a GPU with packed dot products and no matrix units.
gpu::AdapterInfo some_adapter() {
  return {.kind = gpu::AdapterKind::kDiscrete,
          .has_f16 = true,
          .has_subgroups = true,
          .has_packed_dots = true,
          .subgroup_min = 32,
          .subgroup_max = 32};
}

TEST(DotPlan, MultipliesManyRowsWithoutMatrixUnits) {
  gpu::AdapterInfo info = some_adapter();
  EXPECT_TRUE(multiplies_many_rows_by_dots(info, ManyRows::kFastest));
  info.kind = gpu::AdapterKind::kSoftware;
  EXPECT_FALSE(multiplies_many_rows_by_dots(info, ManyRows::kFastest));
  info = some_adapter();
  info.has_packed_dots = false;
  EXPECT_FALSE(multiplies_many_rows_by_dots(info, ManyRows::kFastest));
  info = some_adapter();
  info.matrix_configs = {{gpu::MatrixType::kF16, gpu::MatrixType::kF32, 16, 16, 16}};
  ASSERT_TRUE(kernels::subgroup_matrix(info));
  EXPECT_FALSE(multiplies_many_rows_by_dots(info, ManyRows::kFastest));
}

TEST(DotPlan, MultipliesManyRowsWhereAsked) {
  gpu::AdapterInfo info = some_adapter();
  for (const ManyRows other : {ManyRows::kPlain, ManyRows::kStandIn}) {
    EXPECT_FALSE(multiplies_many_rows_by_dots(info, other));
  }
  info.kind = gpu::AdapterKind::kSoftware;
  EXPECT_TRUE(multiplies_many_rows_by_dots(info, ManyRows::kDot));
}

}  // namespace
}  // namespace weft::backend
