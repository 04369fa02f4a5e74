#include "backend/cpu/processor.h"

#include <fstream>

#include <gtest/gtest.h>

namespace weft::backend {
namespace {

namespace fs = std::filesystem;

class Quota : public ::testing::Test {
 protected:
  Quota() : root_(fs::path(::testing::TempDir()) / "weft_quota_test") { fs::remove_all(root_); }
  ~Quota() override { fs::remove_all(root_); }

  void write(const fs::path& path, std::string_view text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  fs::path root_;
};

TEST_F(Quota, OfVersionTwoIsTheSmallestOnTheWayUp) {
  EXPECT_EQ(cores_in_quota(root_, "0::/a/b\n"), std::nullopt);
  write("cpu.max", "max 100000\n");
  EXPECT_EQ(cores_in_quota(root_, "0::/a/b\n"), std::nullopt);
  write("a/b/cpu.max", "650000 100000\n");
  EXPECT_EQ(cores_in_quota(root_, "0::/a/b\n"), 6U);
  write("a/cpu.max", "400000 100000\n");
  EXPECT_EQ(cores_in_quota(root_, "0::/a/b\n"), 4U);
  EXPECT_EQ(cores_in_quota(root_, "0::/\n"), std::nullopt);
  write("cpu.max", "50000 100000\n");
  EXPECT_EQ(cores_in_quota(root_, "0::/\n"), 1U);
}

TEST_F(Quota, OfVersionOneIsThatOfTheCpuController) {
  const std::string_view groups = "5:memory:/m\n4:cpu,cpuacct:/a\n";
  write("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  write("cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(cores_in_quota(root_, groups), std::nullopt);
  write("cpu,cpuacct/a/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(cores_in_quota(root_, groups), 3U);
  EXPECT_EQ(cores_in_quota(root_, "5:cpuset:/a\n"), std::nullopt);
  write("cpu/a/cpu.cfs_period_us", "50000\n");  // the other name of the same folder
  write("cpu/a/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(cores_in_quota(root_, "1:cpu:/a\n"), 2U);
}

TEST_F(Quota, NonsenseIsNone) {
  write("cpu.max", "lots\n");
  for (const char* groups : {"", "\n\n", "0", "0:", "0::", "::/"}) {
    EXPECT_EQ(cores_in_quota(root_, groups), std::nullopt) << groups;
  }
}

TEST(Processor, AtLeastOneCoreIsUsable) {
  EXPECT_GE(usable_cores(), 1U);
  EXPECT_FALSE(processor_name().empty());
}

}  // namespace
}  // namespace weft::backend
