#include "gpu/pipeline_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/file.h"

namespace weft::gpu {
namespace {
namespace fs = std::filesystem;

std::vector<std::byte> bytes(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

class PipelineCacheTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path only_file() { return fs::directory_iterator(folder_)->path(); }

  fs::path folder_ = fs::path(testing::TempDir()) / "weft_pipeline_cache_test";
};

TEST_F(PipelineCacheTest, KeepsValuesByKey) {
  const PipelineCache cache(folder_);
  EXPECT_EQ(cache.load("a"), std::nullopt);
  cache.store("a", bytes("first"));
  cache.store("b", bytes("second"));
  cache.store("a", bytes("third"));
  EXPECT_EQ(cache.load("a"), bytes("third"));
  EXPECT_EQ(cache.load("b"), bytes("second"));
  EXPECT_EQ(PipelineCache(folder_).load("b"), bytes("second"));
}

TEST_F(PipelineCacheTest, AnEmptyFolderKeepsNothing) {
  const PipelineCache cache("");
  cache.store("a", bytes("first"));
  EXPECT_EQ(cache.load("a"), std::nullopt);
}

TEST_F(PipelineCacheTest, EveryCutOrChangedByteIsNoticed) {
  const PipelineCache cache(folder_);
  cache.store("key", bytes("value"));
  const fs::path path = only_file();
  const std::string file = read_text_file(path).value();
  const auto with_file = [&](std::string_view content) {
    std::ofstream(path, std::ios::binary) << content;
    return cache.load("key");
  };
  EXPECT_EQ(with_file(file), bytes("value"));
  for (size_t i = 0; i < file.size(); ++i) {
    EXPECT_EQ(with_file(file.substr(0, i)), std::nullopt) << "cut at " << i;
    std::string changed = file;
    changed[i] = static_cast<char>(changed[i] ^ 0x40);
    EXPECT_EQ(with_file(changed), std::nullopt) << "changed at " << i;
  }
  EXPECT_EQ(with_file(file + "x"), std::nullopt);
}

TEST_F(PipelineCacheTest, AFileOfAnotherKeyIsNotTaken) {
  const PipelineCache cache(folder_);
  cache.store("one", bytes("1"));
  const fs::path of_one = only_file();
  cache.store("two", bytes("2"));
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path() != of_one) {
      fs::copy_file(of_one, entry.path(), fs::copy_options::overwrite_existing);
    }
  }
  EXPECT_EQ(cache.load("one"), bytes("1"));
  EXPECT_EQ(cache.load("two"), std::nullopt);
}

TEST_F(PipelineCacheTest, DropsTheOldestWhenFull) {
  const PipelineCache cache(folder_);
  const auto now = fs::file_time_type::clock::now();
  for (int age = 3; age >= 0; --age) {
    const std::string key(1, static_cast<char>('a' + age));
    std::vector<fs::path> before;
    for (const auto& entry : fs::directory_iterator(folder_)) before.push_back(entry.path());
    cache.store(key, std::vector<std::byte>(1000));
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (std::ranges::find(before, entry.path()) == before.end()) {
        fs::last_write_time(entry.path(), now - std::chrono::hours(age));
      }
    }
  }
  const PipelineCache again(folder_, 3000);  // 4 files of about 1 kB: two must stay below 1500 B
  EXPECT_EQ(again.load("d"), std::nullopt);
  EXPECT_EQ(again.load("c"), std::nullopt);
  EXPECT_EQ(again.load("b"), std::nullopt);
  EXPECT_TRUE(again.load("a"));
}

}  // namespace
}  // namespace weft::gpu
