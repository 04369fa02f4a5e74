#include "text/grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::text {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// Tokens by id.
constexpr std::string_view kTokens[] = {"{", "}", "\"", "a", ":", "1", "12", "ab", "<|im_end|>"};

Tokenizer tokenizer() {
  Vocabulary vocabulary;
  vocabulary.tokens.assign(std::begin(kTokens), std::end(kTokens));
  vocabulary.types.assign(std::size(kTokens), Vocabulary::kNormal);
  vocabulary.types.back() = Vocabulary::kControl;
  vocabulary.pre = "gpt-2";
  return Tokenizer::from_vocabulary(vocabulary).value();
}

std::vector<std::string_view> allowed(Grammar& grammar) {
  uint32_t mask = 0xdead'beef;
  EXPECT_TRUE(grammar.next_tokens({&mask, 1}));
  std::vector<std::string_view> tokens;
  for (size_t id = 0; id < std::size(kTokens); ++id) {
    if ((mask >> id & 1) != 0) tokens.push_back(kTokens[id]);
  }
  EXPECT_EQ(mask >> std::size(kTokens), 0U);
  return tokens;
}

TEST(Grammar, FollowsARegex) {
  auto grammar = Grammar::compile(tokenizer(), Grammar::Kind::regex, "a(b|1*)").value();
  EXPECT_THAT(allowed(grammar), UnorderedElementsAre("a", "ab"));
  ASSERT_TRUE(grammar.accept(3));
  EXPECT_THAT(allowed(grammar), UnorderedElementsAre("1", "<|im_end|>"));
  EXPECT_FALSE(grammar.accept(7));
}

TEST(Grammar, FollowsAJsonSchema) {
  auto grammar = Grammar::compile(tokenizer(), Grammar::Kind::json_schema,
                                  R"({"type": "object", "properties": {"a": {"const": 1}},
                                      "required": ["a"], "additionalProperties": false})")
                     .value();
  for (const Token id : {0, 2, 3, 2, 4}) {
    ASSERT_TRUE(grammar.accept(id)) << kTokens[id];
  }
  EXPECT_THAT(allowed(grammar), UnorderedElementsAre("1"));
}

TEST(Grammar, FollowsALarkGrammar) {
  auto grammar =
      Grammar::compile(tokenizer(), Grammar::Kind::lark, "start: \"{\" /1|12/ \"}\"").value();
  EXPECT_THAT(allowed(grammar), UnorderedElementsAre("{"));
  ASSERT_TRUE(grammar.accept(0));
  EXPECT_THAT(allowed(grammar), UnorderedElementsAre("1", "12"));
}

TEST(Grammar, WhatDoesNotCompileIsAnError) {
  const auto error = Grammar::compile(tokenizer(), Grammar::Kind::regex, "a(");
  ASSERT_FALSE(error);
  EXPECT_THAT(error.error().message(), HasSubstr("grammar"));
  EXPECT_FALSE(Grammar::compile(tokenizer(), Grammar::Kind::json_schema, "{"));
  EXPECT_FALSE(Grammar::compile(tokenizer(), Grammar::Kind::lark, "start: missing"));
}

}  // namespace
}  // namespace weft::text
