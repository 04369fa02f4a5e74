#include "base/file.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace weft {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(File, WritesWholeAndLeavesNoTemporaryFile) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "weft_file_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(write_file(folder / "a", bytes_of("one")));
  ASSERT_TRUE(write_file(folder / "a", bytes_of("two, longer")));
  EXPECT_EQ(read_text_file(folder / "a").value(), "two, longer");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST(File, WhatIsNotCommittedIsGone) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "weft_file_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  {
    auto file = FileWriter::create(folder / "a").value();
    ASSERT_TRUE(file.write(bytes_of("half")));
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST(File, NamesWhatCouldNotBeWrittenOrRead) {
  const auto written = write_file("/nonexistent/folder/file", bytes_of("x"));
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message().find("/nonexistent/folder/file"), std::string::npos);
  const auto read = read_text_file("/nonexistent/file");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message().find("/nonexistent/file"), std::string::npos);
  EXPECT_FALSE(read_text_file("/"));
}

TEST(File, CacheFolderFollowsTheEnvironment) {
  ::setenv("XDG_CACHE_HOME", "/somewhere", 1);
  EXPECT_EQ(cache_dir().value(), "/somewhere/weft");
  ::unsetenv("XDG_CACHE_HOME");
  ::setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(cache_dir().value(), "/home/someone/.cache/weft");
}

}  // namespace
}  // namespace weft
