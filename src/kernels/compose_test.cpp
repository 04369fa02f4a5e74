#include "kernels/compose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/gen/gated_norm.wgsl.h"
#include "kernels/wgsl_files.h"

namespace weft::kernels {
namespace {

using gpu::Access;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Compose, PutsImportsFirst) {
  const std::string wgsl = compose({.kernel = "gated_norm"}).wgsl;
  const size_t import = wgsl.find("fn workgroup_sum(");
  const size_t kernel = wgsl.find("fn main(");
  ASSERT_NE(kernel, std::string::npos);
  EXPECT_LT(import, kernel);
  EXPECT_EQ(wgsl.find("fn workgroup_sum(", import + 1), std::string::npos);
}

TEST(Compose, TakesTheChosenFileAndWhatItEnables) {
  const gpu::PipelineDesc desc =
      compose({.kernel = "gated_norm", .imports = {{"workgroup_sum", "workgroup_sum_subgroup"}}});
  EXPECT_THAT(desc.wgsl, StartsWith("enable subgroups;\n"));
  EXPECT_THAT(desc.wgsl, HasSubstr("subgroupAdd"));
  EXPECT_EQ(desc.label, "gated_norm workgroup_sum_subgroup");
  EXPECT_THAT(compose({.kernel = "gated_norm"}).wgsl, Not(HasSubstr("enable")));
}

TEST(Compose, WritesTheHostsChoicesInOrder) {
  const gpu::PipelineDesc desc = compose({.kernel = "gated_norm",
                                          .enables = {"subgroups", "f16", "f16"},
                                          .aliases = {{"T", "f16"}},
                                          .constants = {{"kHeads", 4}},
                                          .overrides = {{"WG", 64}}});
  EXPECT_THAT(desc.wgsl,
              StartsWith("enable f16;\nenable subgroups;\nalias T = f16;\nconst kHeads = 4u;\n"));
  EXPECT_THAT(desc.overrides, ElementsAre(gpu::Override{"WG", 64}));
}

TEST(Compose, KnowsBindingsAndImmediates) {
  const gpu::PipelineDesc desc = compose({.kernel = "gated_norm"});
  EXPECT_THAT(desc.bindings,
              ElementsAre(Access::kRead, Access::kRead, Access::kRead, Access::kReadWrite));
  EXPECT_EQ(desc.immediate_bytes, sizeof(GatedNormParams));
}

TEST(WgslFiles, AreSortedByName) {
  EXPECT_FALSE(wgsl_files().empty());
  EXPECT_TRUE(std::ranges::is_sorted(wgsl_files(), {}, &WgslFile::name));
}

TEST(ComposeDeathTest, AnUnknownFileIsOurMistake) {
  EXPECT_DEATH((void)compose({.kernel = "no_such_kernel"}), "no_such|files.end");
}

}  // namespace
}  // namespace weft::kernels
