#include "cli/peak.h"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

TEST(Peak, OfKnownDevices) {
  EXPECT_EQ(published_peak("NVIDIA H200"), (Peak{4800, 989}));
  EXPECT_EQ(published_peak("llvmpipe (LLVM 19.1.4, 256 bits)"), std::nullopt);
}

TEST(Peak, FromText) {
  EXPECT_EQ(parse_peak("33.5,1"), (Peak{33.5, 1}));
  for (const char* wrong : {"", "1", "1,", ",1", "1,2,3", "0,1", "-1,1", "1,x", "1 ,2", "nan,1"}) {
    const auto peak = parse_peak(wrong);
    ASSERT_FALSE(peak) << wrong;
    EXPECT_NE(peak.error().message().find(wrong), std::string::npos);
  }
}

}  // namespace
}  // namespace weft::cli
