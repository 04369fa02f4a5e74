#include "text/stop_strings.h"

#include <gtest/gtest.h>

namespace weft::text {
namespace {

struct Outcome {
  std::string text;
  std::string found;
  bool operator==(const Outcome&) const = default;
};

// `text` in pieces of `size` bytes.
Outcome run(const std::vector<std::string>& stops, std::string_view text, size_t size) {
  StopStrings matcher(stops);
  Outcome outcome;
  for (size_t at = 0; at < text.size(); at += size) {
    outcome.text += matcher.push(text.substr(at, size));
  }
  outcome.text += matcher.finish();
  outcome.found = matcher.found().value_or("");
  return outcome;
}

TEST(StopStrings, HoldsBackOnlyWhatCouldBegin) {
  StopStrings matcher({"END", "\n\n"});
  EXPECT_EQ(matcher.push("abc"), "abc");
  EXPECT_EQ(matcher.push("xE"), "x");
  EXPECT_EQ(matcher.push("N"), "");
  EXPECT_EQ(matcher.push("V\n"), "ENV");
  EXPECT_FALSE(matcher.found());
  EXPECT_EQ(matcher.push("\nmore"), "");
  EXPECT_EQ(matcher.found(), "\n\n");
  EXPECT_EQ(matcher.push("even more"), "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopStrings, WhatWasHeldBackComesAtTheEnd) {
  StopStrings matcher({"END"});
  EXPECT_EQ(matcher.push("xEN"), "x");
  EXPECT_EQ(matcher.finish(), "EN");
}

TEST(StopStrings, PiecesChangeNothing) {
  const struct {
    std::vector<std::string> stops;
    std::string text;
    Outcome expected;
  } cases[] = {
      {{"END"}, "abEENDc", {"abE", "END"}},
      {{"aab"}, "aaaab", {"aa", "aab"}},
      {{"abab", "abc"}, "ababc", {"", "abab"}},
      {{"abcd", "bc"}, "xabcd", {"xa", "bc"}},
      {{"b", "ab"}, "xab", {"x", "ab"}},
      {{"", "q"}, "text", {"text", ""}},
      {{}, "text", {"text", ""}},
      {{"ü"}, "grün", {"gr", "ü"}},
  };
  for (const auto& [stops, text, expected] : cases) {
    for (size_t size = 1; size <= text.size(); ++size) {
      EXPECT_EQ(run(stops, text, size), expected) << text << " by " << size;
    }
  }
}

}  // namespace
}  // namespace weft::text
