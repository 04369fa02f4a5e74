#include "kernels/unroll.h"

#include <gtest/gtest.h>

#include <array>

namespace weft::kernels {
namespace {

constexpr std::array<std::pair<std::string_view, uint32_t>, 3> kConstants{
    {{"kTwo", 2}, {"kOne", 1}, {"kNone", 0}}};

TEST(Unroll, WritesBlocksThatNameTheIndex) {
  EXPECT_EQ(unroll("a;\n"
                   "  for (var i = 0u; i < kTwo; i++) {  //! unroll\n"
                   "    if (b) { c(i); }\n"
                   "  }\n"
                   "d;\n",
                   kConstants),
            "a;\n"
            "{ const i = 0u;\n    if (b) { c(i); }\n}\n"
            "{ const i = 1u;\n    if (b) { c(i); }\n}\n"
            "d;\n");
}

TEST(Unroll, Nests) {
  EXPECT_EQ(unroll("for (var i = 0u; i < kTwo; i++) {  //! unroll\n"
                   "for (var j = 0u; j < kOne; j++) {  //! unroll\n"
                   "a(i, j);\n"
                   "}\n"
                   "}\n"
                   "for (var i = 0u; i < kNone; i++) {  //! unroll\n"
                   "a;\n"
                   "}\n",
                   kConstants),
            "{ const i = 0u;\n{ const j = 0u;\na(i, j);\n}\n}\n"
            "{ const i = 1u;\n{ const j = 0u;\na(i, j);\n}\n}\n");
}

TEST(Unroll, LeavesOtherLoops) {
  const std::string_view loop = "for (var i = 0u; i < kTwo; i++) {\na;\n}\nlast line";
  EXPECT_EQ(unroll(loop, kConstants), loop);
}

}  // namespace
}  // namespace weft::kernels
