#include "hub/hub_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::hub {
namespace {

TEST(HubName, HasItsParts) {
  const auto name = parse_hub_name("hf:org/some.repo-1:sub/Model-Q4_K_M.gguf");
  ASSERT_TRUE(name.has_value()) << name.error().message();
  EXPECT_EQ(name->organisation, "org");
  EXPECT_EQ(name->repository, "some.repo-1");
  EXPECT_EQ(name->id(), "org/some.repo-1");
  EXPECT_EQ(name->file, "sub/Model-Q4_K_M.gguf");
  EXPECT_EQ(parse_hub_name("hf:org/repo")->file, "");
}

TEST(HubName, OthersAreErrors) {
  for (const char* text :
       {"", "hf:", "hf:org", "org/repo", "hf:/repo", "hf:org/", "hf:org/a/b", "hf:../repo",
        "hf:org/..", "hf:org/re po", "hf:org/repo:", "hf:org/repo:../x", "hf:org/repo:a//b",
        "hf:org/repo:/x", "hf:org/repo:a:b", "hf:org/repo:a\\b", "hf:org/repo:a\nb",
        "hf:org/repo?x", "hf:org/repo#x"}) {
    EXPECT_FALSE(parse_hub_name(text).has_value()) << text;
  }
}

TEST(SafePath, StaysInItsFolder) {
  EXPECT_EQ(*safe_path("a/b.gguf"), std::filesystem::path("a/b.gguf"));
  EXPECT_EQ(*safe_path("\u00e9 t\u00e9.gguf"), std::filesystem::path("\u00e9 t\u00e9.gguf"));
  for (const std::string text :
       {"", "/", "..", "a/..", ".", "a/", "/a", ".hidden", "a/.b", "C:x"}) {
    EXPECT_FALSE(safe_path(text).has_value()) << text;
  }
  EXPECT_FALSE(safe_path(std::string(300, 'x')).has_value());
  EXPECT_FALSE(safe_path(std::string_view("a\0b", 3)).has_value());
}

}  // namespace
}  // namespace weft::hub
